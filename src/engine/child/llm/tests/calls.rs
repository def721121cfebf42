//! Forced calls of tools, by a real model.

use super::{
    super::{constraint::Grammars, load_model, vocabulary::Marks},
    *,
};
use crate::engine::{
    ForcedCall, ToolDefinition,
    tools::{Piece, ToolReader, ToolStyle},
};

fn broken_tools(parameters: &str) -> Vec<ToolDefinition> {
    vec![ToolDefinition { parameters: parameters.into(), ..sea_tools().remove(1) }]
}

fn sea_tools() -> Vec<ToolDefinition> {
    let tool = |name: &str, properties: &str, required: &str| ToolDefinition {
        name: name.into(),
        description: "A tool".into(),
        parameters: format!(r#"{{"type":"object","properties":{properties},"required":{required},"additionalProperties":false}}"#),
    };
    vec![
        tool("get_tide", r#"{"days":{"type":"integer","minimum":0,"maximum":9},"place":{"enum":["Brest","Oslo"]}}"#, r#"["days","place"]"#),
        tool("ring_bell", "{}", "[]"),
    ]
}

#[test]
fn a_call_cannot_be_forced_from_broken_tools() {
    let mut smol = smol();
    for tools in [Vec::new(), broken_tools("{"), broken_tools(&"[".repeat(60_000)), broken_tools(r#"{"type": "nonsense"}"#)] {
        let forced = Constraint::ToolCall(ForcedCall { tools, closes_reasoning: false });
        let answer = generate(smol.as_mut(), request(chat("Call."), vec![slot("call", forced, 5, &[])]));
        assert!(matches!(&answer, Err(EngineError::InvalidRequest(reason)) if !reason.is_empty() && reason.len() < 500));
    }
}

#[test]
fn a_forced_call_names_a_tool_and_keeps_to_its_schema() {
    let (mut smol, facts) = load_generator(&artefact("smollm2-135m-instruct"), &OPTIONS, &|_| ()).unwrap();
    let mut call = |tools: Vec<ToolDefinition>, closes_reasoning| {
        let forced = Constraint::ToolCall(ForcedCall { tools, closes_reasoning });
        let prompt = chat("How high is the tide in Brest for the next three days? Call a tool.");
        let answer = generate(smol.as_mut(), request(prompt, vec![slot("call", forced, 80, &[])])).unwrap();
        let mut reader = ToolReader::new(facts.answers.tools, closes_reasoning, &sea_tools(), "answer");
        let mut pieces = reader.push(&answer.slots[0].1);
        pieces.extend(reader.finish());
        let [Piece::Call(call)] = pieces.as_slice() else { panic!("{pieces:?} from {:?}", answer.slots) };
        call.clone()
    };
    for closes_reasoning in [false, true] {
        let tide = call(sea_tools()[..1].to_vec(), closes_reasoning);
        let arguments: serde_json::Value = serde_json::from_str(&tide.arguments).unwrap();
        assert_eq!(tide.name, "get_tide");
        assert!(arguments["days"].as_u64().is_some_and(|days| days <= 9), "{arguments}");
        assert!(["Brest", "Oslo"].contains(&arguments["place"].as_str().unwrap()), "{arguments}");
    }
    assert_eq!(call(sea_tools()[1..].to_vec(), false).arguments, "{}");
    assert!(sea_tools().iter().any(|tool| tool.name == call(sea_tools(), false).name));
}

#[test]
fn a_call_can_be_forced_in_every_style() {
    use ToolStyle::*;
    let model = load_model(&artefact("smollm2-135m-instruct"), &OPTIONS, &|_| ()).unwrap();
    let forced = Constraint::ToolCall(ForcedCall { tools: sea_tools(), closes_reasoning: false });
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
        let grammars = Grammars::new(model, Marks::of(model, style)).unwrap();
        assert!(grammars.compile(&forced, &[]).unwrap().is_some(), "{style:?}");
    }
    // Where a mark is a token of its own, that token is the way to begin.
    let tokens = vec![("[TOOL_CALLS]", llama_cpp_2::token::LlamaToken(5))];
    let grammars = Grammars::new(model, Marks { style: Mistral, tokens }).unwrap();
    let mask = grammars.compile(&forced, &[]).unwrap().unwrap().compute_mask().unwrap();
    assert!(mask.is_allowed(5) && mask.num_set() == 1, "{} tokens may begin a call", mask.num_set());
}
