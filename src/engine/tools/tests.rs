//! Answers as the families write them, cut everywhere.

use super::*;
use crate::engine::{ForcedCall, ToolCall, ToolDefinition};

fn tools() -> Vec<ToolDefinition> {
    let tool =
        |name: &str, parameters: &str| ToolDefinition { name: name.into(), description: String::new(), parameters: parameters.into() };
    let weather =
        r#"{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "metric": {"type": "boolean"}}}"#;
    let search =
        r#"{"type": "object", "properties": {"words": {"type": "array", "items": {"type": "string"}}, "note": {"type": "string"}}}"#;
    vec![tool("get_weather", weather), tool("search", search)]
}

/// Neighbours of one kind as one, and ids of ours as nothing: what must not depend on how the answer was cut.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (all.last_mut(), piece) {
            (Some(Piece::Content(last)), Piece::Content(text)) | (Some(Piece::Reasoning(last)), Piece::Reasoning(text)) => {
                last.push_str(&text)
            }
            (_, piece) => all.push(piece),
        }
    }
    all
}

fn read_cut(style: ToolStyle, in_reasoning: bool, tools: &[ToolDefinition], pieces: &[&str]) -> Vec<Piece> {
    let mut reader = ToolReader::new(style, in_reasoning, tools, "answer");
    let mut told: Vec<Piece> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
    told.extend(reader.finish());
    joined(told)
}

/// Reads a text whole, by letters and cut in two at every place; all must say the same.
fn read(style: ToolStyle, in_reasoning: bool, tools: &[ToolDefinition], text: &str) -> Vec<Piece> {
    let whole = read_cut(style, in_reasoning, tools, &[text]);
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    assert_eq!(read_cut(style, in_reasoning, tools, &letters), whole, "{style:?}, letter by letter: {text}");
    for at in (1..text.len()).filter(|at| text.is_char_boundary(*at)) {
        let (head, tail) = text.split_at(at);
        assert_eq!(read_cut(style, in_reasoning, tools, &[head, tail]), whole, "{style:?}, cut at {at}: {text}");
    }
    whole
}

/// Content in quotes, reasoning in brackets, calls as name and arguments.
fn told(style: ToolStyle, text: &str) -> Vec<String> {
    words(read(style, false, &tools(), text))
}

fn words(pieces: Vec<Piece>) -> Vec<String> {
    let word = |piece| match piece {
        Piece::Content(text) => format!("'{text}'"),
        Piece::Reasoning(text) => format!("[{text}]"),
        Piece::Call(ToolCall { name, arguments, .. }) => format!("{name} {arguments}"),
    };
    pieces.into_iter().map(word).collect()
}

const OSLO: &str = r#"get_weather {"city":"Oslo"}"#;
const ROME: &str = r#"search {"words":["a","b's"]}"#;

#[test]
fn each_family_is_read_in_its_own_form() {
    use ToolStyle::*;
    let cases: &[(ToolStyle, &str, &[&str])] = &[
        (Hermes, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>", &[OSLO]),
        (
            Hermes,
            "<think>\nThe city is known.\n</think>\n\nI look it up.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n\
            </tool_call>\n<tool_call>\n{\"name\": \"search\", \"arguments\": {\"words\": [\"a\", \"b's\"]}}\n</tool_call>",
            &["[The city is known.]", "'I look it up.'", OSLO, ROME],
        ),
        (
            Hermes,
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n</parameter>\n\
            <parameter=metric>\nTrue\n</parameter>\n</function>\n</tool_call>",
            &[r#"get_weather {"city":"Oslo","days":3,"metric":true}"#],
        ),
        (
            Hermes,
            "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>12</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
            &[r#"get_weather {"city":"12","days":3}"#],
        ),
        (Hermes, "```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n```", &[OSLO]),
        (Llama, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}", &[OSLO]),
        (Llama, "<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}", &[OSLO]),
        (
            Llama,
            "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}; {\"name\": \"search\", \"parameters\": {\"words\": [\"a\", \"b's\"]}}",
            &[OSLO, ROME],
        ),
        (
            Mistral,
            "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}, \"id\": \"a1b2c3d4e\"}, \
            {\"name\": \"search\", \"arguments\": {\"words\": [\"a\", \"b's\"]}}]",
            &[OSLO, ROME],
        ),
        (
            MistralArgs,
            "[THINK]Which?[/THINK]Both.[TOOL_CALLS]get_weather[ARGS]{\"city\":\"Oslo\"}[TOOL_CALLS]search[CALL_ID]a1b2c3d4e[ARGS]{\"words\":[\"a\",\"b's\"]}",
            &["[Which?]", "'Both.'", OSLO, ROME],
        ),
        (FunctionTag, "<function=get_weather>{\"city\":\"Oslo\"}</function>", &[OSLO]),
        (
            Functionary,
            "all\nI look it up.\n>>>get_weather\n{\"city\":\"Oslo\"}>>>search\n{\"words\":[\"a\",\"b's\"]}",
            &["'I look it up.'", OSLO, ROME],
        ),
        (
            CommandR,
            "Action: ```json\n[\n    {\n        \"tool_name\": \"get_weather\",\n        \"parameters\": {\n            \"city\": \"Oslo\"\n        }\n    }\n]```",
            &[OSLO],
        ),
        (CommandR, "Action: ```json\n[{\"tool_name\": \"directly_answer\", \"parameters\": {}}]```\nHello.", &["'Hello.'"]),
        (
            CommandAction,
            "<|START_THINKING|>I will look.<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", \
            \"parameters\": {\"city\": \"Oslo\"}}\n]<|END_ACTION|>",
            &["[I will look.]", OSLO],
        ),
        (CommandAction, "<|START_RESPONSE|>It is warm.<|END_RESPONSE|>", &["'It is warm.'"]),
        (
            DeepSeek,
            "Let me see.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\":\"Oslo\"}\n```<｜tool▁call▁end｜>\n\
            <｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n{\"words\":[\"a\",\"b's\"]}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            &["'Let me see.'", OSLO, ROME],
        ),
        (
            DeepSeekPlain,
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\":\"Oslo\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            &[OSLO],
        ),
        (Pipe, "<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}]<|/tool_call|>", &[OSLO]),
        (Pipe, "<tool_call>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}]", &[OSLO]),
        (
            Kimi,
            "Both:<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\":\"Oslo\"}<|tool_call_end|>\
            <|tool_call_begin|>functions.search:1<|tool_call_argument_begin|>{\"words\":[\"a\",\"b's\"]}<|tool_call_end|><|tool_calls_section_end|>",
            &["'Both:'", OSLO, ROME],
        ),
        (
            Gemma,
            "<|channel>thought\nHm.\n<channel|><|tool_call>call:get_weather{city:<|\"|>Oslo, \"N\"<|\"|>,days:3,metric:true}<tool_call|>\
            <|tool_call>call:search{words:[<|\"|>a<|\"|>,<|\"|>}<|\"|>],filter:{}}<tool_call|>",
            &["[Hm.]", r#"get_weather {"city":"Oslo, \"N\"","days":3,"metric":true}"#, r#"search {"words":["a","}"],"filter":{}}"#],
        ),
        (
            Harmony,
            "<|channel|>analysis<|message|>I need the weather.<|end|><|start|>assistant<|channel|>commentary<|message|>One moment.<|end|>\
            <|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\":\"Oslo\"}<|call|>",
            &["[I need the weather.]", "'One moment.'", OSLO],
        ),
        (Harmony, "<|start|>assistant to=functions.search<|channel|>commentary json<|message|>{\"words\":[\"a\",\"b's\"]}", &[ROME]),
        (Harmony, "<|channel|>final<|message|>It is <b>warm</b>.\n<|return|>", &["'It is <b>warm</b>.\n'"]),
        (Harmony, "{\"an\": \"answer by grammar\"}", &["'{\"an\": \"answer by grammar\"}'"]),
    ];
    for (style, text, expected) in cases {
        assert_eq!(told(*style, text), *expected, "{style:?}: {text}");
    }
}

#[test]
fn what_a_family_is_told_to_write_and_what_is_forced_are_read() {
    use ToolStyle::*;
    let styles = [
        Hermes,
        Llama,
        Mistral,
        MistralArgs,
        FunctionTag,
        Functionary,
        CommandR,
        CommandAction,
        DeepSeek,
        DeepSeekPlain,
        Pipe,
        Kimi,
        Gemma,
        Harmony,
    ];
    for style in styles {
        let example = style.example("get_weather", r#"{"city":"Oslo"}"#);
        assert_eq!(told(style, &example), [OSLO], "{style:?}");
    }
    assert_eq!(told(Gemma, &Hermes.example("get_weather", r#"{"city":"Oslo"}"#)), [OSLO], "its form of a forced call");
}

#[test]
fn plain_answers_stay_as_they_are() {
    let answers = [
        "",
        " ",
        "Hello.\n",
        "  It is 3 < 4 and <b>bold</b>.\n\nYes [TOOL] <tool",
        "{\"a\": [1, 2]}",
        "```json\n{}\n```\n",
        "[1, 2]",
        "```",
        "a < b <|",
    ];
    let styles = [
        "hermes",
        "llama",
        "mistral",
        "mistral-args",
        "function-tag",
        "command-r",
        "command-action",
        "deep-seek",
        "deep-seek-plain",
        "pipe",
        "kimi",
        "gemma",
    ];
    for style in styles {
        let style: ToolStyle = serde_json::from_value(style.into()).unwrap();
        for answer in answers {
            let expected = if answer.is_empty() { Vec::new() } else { vec![Piece::Content(answer.to_owned())] };
            assert_eq!(read(style, false, &tools(), answer), expected, "{style:?}");
            assert_eq!(read(style, false, &[], answer), expected, "{style:?} without tools");
        }
    }
}

#[test]
fn broken_calls_are_content() {
    use ToolStyle::*;
    let cases = [
        (Hermes, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Os\n</tool_call>"),
        (Hermes, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": Oslo}}\n</tool_call> sorry"),
        (Hermes, "<tool_call>\n{\"arguments\": {}}\n</tool_call>"),
        (Hermes, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": [1]}\n</tool_call>"),
        (Hermes, "<tool_call>call it</tool_call>"),
        (Hermes, "{\"name\": \"unknown\", \"arguments\": {}}"),
        (Hermes, "{\"name\": \"get_weather\", \"arguments\": "),
        (Llama, "<|python_tag|>print(1)"),
        (Llama, "{\"name\": \"Anna\", \"age\": 3}"),
        (Mistral, "[TOOL_CALLS] is how Mistral marks calls\n"),
        (Mistral, "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": }]"),
        (MistralArgs, "[TOOL_CALLS]get_weather[ARGS]city"),
        (FunctionTag, "<function=get_weather>{city}</function>"),
        (DeepSeekPlain, "<｜tool▁call▁begin｜>get_weather{\"city\":\"Oslo\"}<｜tool▁call▁end｜>"),
        (Pipe, "<|tool_call|>none"),
        (Kimi, "<|tool_call_begin|>functions.get_weather:0 {}<|tool_call_end|>"),
        (Gemma, "<|tool_call>call:get_weather{city:<|\"|>Oslo}<tool_call|>"),
        (CommandAction, "<|START_ACTION|>[{\"tool_name\": 3}]<|END_ACTION|>"),
        // No tool can be called so, and no client could send such a call back.
        (Hermes, "<tool_call>\n{\"name\": \"get the weather!\", \"arguments\": {}}\n</tool_call>"),
        (Hermes, "<tool_call>\n{\"name\": \"\", \"arguments\": {}}\n</tool_call>"),
        (Mistral, "[TOOL_CALLS][{\"name\": \"search\\u0000\", \"arguments\": {}}]"),
        (MistralArgs, "[TOOL_CALLS]погода[ARGS]{}"),
        (Functionary, "The sea is blue."),
        (Functionary, "The sea is blue.\nAnd so is the sky.\n"),
    ];
    for (style, text) in cases {
        assert_eq!(read(style, false, &tools(), text), [Piece::Content(text.to_owned())], "{style:?}");
    }
    let broken = "<|channel|>commentary to=functions.search<|message|>{\"words\":<|call|>";
    assert_eq!(told(Harmony, broken), ["'{\"words\":'"]);
}

#[test]
fn a_broken_call_does_not_spoil_the_next() {
    let text = "<tool_call>\n{name: get_weather}\n</tool_call>\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
    assert_eq!(told(ToolStyle::Hermes, text), ["'<tool_call>\n{name: get_weather}\n</tool_call>'", OSLO]);
}

#[test]
fn a_mark_inside_an_argument_is_part_of_it() {
    let text = "<tool_call>\n{\"name\": \"search\", \"arguments\": {\"note\": \"</tool_call> \\\"<tool_call>\"}}\n</tool_call>";
    assert_eq!(told(ToolStyle::Hermes, text), [r#"search {"note":"</tool_call> \"<tool_call>"}"#]);
}

#[test]
fn a_call_without_its_last_mark_is_read() {
    assert_eq!(told(ToolStyle::Hermes, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}"), [OSLO]);
}

#[test]
fn an_answer_that_begins_in_reasoning_is_taken_apart() {
    let read = |style, text: &str| words(read(style, true, &tools(), text));
    assert_eq!(read(ToolStyle::Hermes, "Let me think.\n</think>\n\nHello."), ["[Let me think.]", "'Hello.'"]);
    assert_eq!(read(ToolStyle::Hermes, "Cut off in"), ["[Cut off in]"]);
    assert_eq!(
        read(ToolStyle::Hermes, "Look.</think><tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call>"),
        ["[Look.]", OSLO]
    );
    assert_eq!(told(ToolStyle::Hermes, "The mark <think> opens it."), ["'The mark <think> opens it.'"]);
}

#[test]
fn without_tools_nothing_is_a_call() {
    let text = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n</tool_call>";
    assert_eq!(words(read(ToolStyle::Hermes, false, &[], text)), [format!("'{text}'")]);
    let channels = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.";
    assert_eq!(words(read(ToolStyle::Harmony, false, &[], channels)), ["[Hm.]", "'Hello.'"]);
}

#[test]
fn calls_have_ids_that_templates_take() {
    let text = "<tool_call>{\"name\": \"search\"}</tool_call><tool_call>{\"name\": \"search\"}</tool_call>";
    let ids: Vec<String> = read(ToolStyle::Hermes, false, &tools(), text)
        .into_iter()
        .map(|piece| if let Piece::Call(call) = piece { call.id } else { panic!("{piece:?} is no call") })
        .collect();
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| short_id(id) == *id), "{ids:?}");
    let kimi = "<|tool_call_begin|>functions.search:3<|tool_call_argument_begin|>{}<|tool_call_end|>";
    let pieces = read(ToolStyle::Kimi, false, &tools(), kimi);
    assert!(matches!(&pieces[0], Piece::Call(call) if call.id == "functions.search:3" && call.name == "search"), "{pieces:?}");
}

#[test]
fn long_arguments_are_read_in_little_time() {
    let text = format!("<tool_call>{{\"name\": \"search\", \"arguments\": {{\"note\": \"{}\"}}}}</tool_call>", "word ".repeat(20_000));
    let began = std::time::Instant::now();
    let pieces: Vec<&str> = text.split_inclusive(' ').collect();
    assert!(matches!(read_cut(ToolStyle::Hermes, false, &tools(), &pieces)[..], [Piece::Call(_)]));
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn no_mark_is_the_beginning_of_another() {
    for style in ["hermes", "llama", "mistral", "function-tag", "command-r", "command-action", "deep-seek", "pipe", "kimi", "gemma"] {
        let style: ToolStyle = serde_json::from_value(style.into()).unwrap();
        let marks = style.marks();
        for mark in &marks {
            // `<|channel>` alone is a token of Gemma's, never a mark that is looked for.
            let longer = marks.iter().find(|other| other != &mark && other.starts_with(mark) && *mark != "<|channel>");
            assert_eq!(longer, None, "{style:?}: {mark}");
        }
    }
}

#[test]
fn a_call_cannot_be_forced_from_broken_tools() {
    let force = |tools: Vec<ToolDefinition>| forced_call(ToolStyle::Hermes, &ForcedCall { tools, closes_reasoning: false }, &|_| None);
    let tool =
        |name: &str, parameters: &str| ToolDefinition { name: name.into(), description: String::new(), parameters: parameters.into() };
    for (tools, reason) in [
        (Vec::new(), "1 to 128 tools"),
        (vec![tool("a", "{"), tool("b", "{}")], "the tool a are not JSON"),
        (vec![tool("a", "[]")], "no JSON schema"),
        (vec![tool("a\"b", "{}")], "a tool's name is"),
        (vec![tool("", "{}")], "a tool's name is"),
        (vec![tool("a", "{}"); 200], "1 to 128 tools"),
    ] {
        let error = force(tools).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}
