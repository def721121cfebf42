//! The families' ways of marking calls and reasoning.

use serde::{Deserialize, Serialize};

/// How a family writes calls. What fits none of these speaks as Hermes does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolStyle {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen, SmolLM, Granite 4; in its place also Qwen
    /// Coder's `<function=…>` and GLM's `<arg_key>`. Bare JSON at the start of the answer too.
    #[default]
    Hermes,
    /// `{"name": …, "parameters": {…}}` as the whole answer, perhaps after `<|python_tag|>`: Llama 3.
    Llama,
    /// `[TOOL_CALLS][{"name": …, "arguments": {…}}]`: Mistral.
    Mistral,
    /// `[TOOL_CALLS]name[ARGS]{…}`: Mistral since the middle of 2025.
    MistralArgs,
    /// `<function=name>{…}</function>`: Functionary 3.1, Llama's own tools.
    FunctionTag,
    /// `>>>name`, then arguments or text: Functionary 3.2.
    Functionary,
    /// `Action:` and a fence of JSON: Command R.
    CommandR,
    /// `<|START_ACTION|>[…]<|END_ACTION|>`: Command R7B, Command A.
    CommandAction,
    /// `<｜tool▁call▁begin｜>function<｜tool▁sep｜>name`, then a fence of JSON: DeepSeek V3, R1.
    DeepSeek,
    /// The same without fence: DeepSeek V3.1.
    DeepSeekPlain,
    /// `<|tool_call|>[…]`: Granite 3, Phi-4-mini.
    Pipe,
    /// `<|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`: Kimi.
    Kimi,
    /// `<|tool_call>call:name{key:value}<tool_call|>`: Gemma 4.
    Gemma,
    /// Channels: gpt-oss.
    Harmony,
}

/// Where a call's text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At this mark, outside strings of JSON.
    Mark(&'static str),
    /// With the JSON value that begins after the mark, or after this further mark.
    Json { after: &'static str },
}

/// What a style's text is made of.
#[derive(Debug)]
pub(super) struct Marks {
    /// What opens a call, and where it ends.
    pub calls: &'static [(&'static str, End)],
    /// Marks around calls and answers that say nothing.
    pub dropped: &'static [&'static str],
    /// Written before a forced call's name, between name and arguments, and after these.
    pub forced: [&'static str; 3],
    /// Whether JSON alone, at the start of the answer, is a call.
    pub bare_json: bool,
}

/// What opens and closes reasoning, in any family.
pub(super) const REASONING: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel>thought", "<channel|>"),
];

pub(super) const CHANNEL_MARKS: &[&str] =
    &["<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>"];

/// Whether a model with this chat template can think before it answers.
pub fn knows_reasoning(template: &str) -> bool {
    REASONING.iter().any(|(open, _)| template.contains(open)) || template.contains("<|channel|>analysis")
}

/// Whether a prompt ends inside reasoning.
pub fn opens_reasoning(prompt: &str) -> bool {
    opened_reasoning(prompt).is_some()
}

/// The mark that closes what a prompt has opened.
pub(super) fn opened_reasoning(prompt: &str) -> Option<&'static str> {
    let prompt = prompt.trim_end();
    REASONING.iter().find(|(open, _)| prompt.ends_with(open)).map(|(_, close)| *close)
}

impl ToolStyle {
    /// The style that a chat template speaks of; templates that say nothing of tools get the default.
    pub fn of_template(source: &str) -> Self {
        let says = |mark: &str| source.contains(mark);
        // The most telling first: `<tool_call>` and JSON occur in the explanations of other styles too.
        let telling: [(Self, bool); 14] = [
            (Self::Harmony, says("<|channel|>") && says("<|message|>")),
            (Self::DeepSeekPlain, says("<｜tool▁sep｜>") && !says("```json")),
            (Self::DeepSeek, says("<｜tool▁sep｜>")),
            (Self::MistralArgs, says("[TOOL_CALLS]") && says("[ARGS]")),
            (Self::Mistral, says("[TOOL_CALLS]")),
            (Self::CommandAction, says("<|START_ACTION|>")),
            (Self::CommandR, says("Action:") && says("tool_name")),
            (Self::Kimi, says("<|tool_call_argument_begin|>")),
            (Self::Gemma, says("<tool_call|>")),
            (Self::Pipe, says("<|tool_call|>")),
            (Self::Hermes, says("<tool_call>")),
            (Self::Functionary, says(">>>")),
            (Self::FunctionTag, says("<function=")),
            (Self::Llama, says("<|python_tag|>") || (says("\"parameters\": ") && says("<|start_header_id|>"))),
        ];
        telling.iter().find(|(_, told)| *told).map_or(Self::Hermes, |(style, _)| *style)
    }

    /// The marks that may be single tokens of the model's vocabulary: they must be writable and shown as text.
    pub fn marks(self) -> Vec<&'static str> {
        let marks = self.parts();
        let ends = marks.calls.iter().map(|(_, end)| match end {
            End::Mark(mark) | End::Json { after: mark } => *mark,
        });
        let calls = marks.calls.iter().map(|(open, _)| *open);
        let reasoning = REASONING.iter().flat_map(|(open, close)| [*open, *close]);
        let channels = CHANNEL_MARKS.iter().copied().filter(|_| self == Self::Harmony);
        // Pieces of longer notations that are tokens by themselves.
        let inner = ["[CALL_ID]", "<｜tool▁sep｜>", "<|tool_call_argument_begin|>", "<|\"|>", "<|channel>", "<channel|>"];
        let all = calls.chain(ends).chain(marks.dropped.iter().copied()).chain(reasoning).chain(channels).chain(inner);
        all.filter(|mark| !mark.is_empty()).collect()
    }

    pub(super) fn parts(self) -> &'static Marks {
        TABLE.iter().find(|(style, _)| *style == self).map_or(&NONE, |(_, marks)| marks)
    }

    /// A call as this style writes it.
    pub fn example(self, name: &str, arguments: &str) -> String {
        let [before, between, after] = self.parts().forced;
        format!("{before}{name}{between}{arguments}{after}")
    }
}

const NONE: Marks = Marks { calls: &[], dropped: &[], forced: [""; 3], bare_json: false };

const TABLE: &[(ToolStyle, Marks)] = &[
    (
        ToolStyle::Hermes,
        Marks {
            calls: &[("<tool_call>", End::Mark("</tool_call>"))],
            forced: ["<tool_call>\n{\"name\": \"", "\", \"arguments\": ", "}\n</tool_call>"],
            bare_json: true,
            ..NONE
        },
    ),
    (
        ToolStyle::Llama,
        Marks {
            calls: &[("<|python_tag|>", End::Json { after: "" }), ("<function=", End::Mark("</function>"))],
            forced: ["{\"name\": \"", "\", \"parameters\": ", "}"],
            bare_json: true,
            ..NONE
        },
    ),
    (ToolStyle::Mistral, Marks { calls: MISTRAL_CALLS, forced: ["[TOOL_CALLS][{\"name\": \"", "\", \"arguments\": ", "}]"], ..NONE }),
    (ToolStyle::MistralArgs, Marks { calls: MISTRAL_CALLS, forced: ["[TOOL_CALLS]", "[ARGS]", ""], ..NONE }),
    (
        ToolStyle::FunctionTag,
        Marks {
            calls: &[("<function=", End::Mark("</function>"))],
            dropped: &["<|python_tag|>"],
            forced: ["<function=", ">", "</function>"],
            ..NONE
        },
    ),
    (ToolStyle::Functionary, Marks { forced: ["", "\n", ""], ..NONE }),
    (
        ToolStyle::CommandR,
        Marks {
            calls: &[("Action: ```json", End::Mark("```")), ("Action:```json", End::Mark("```"))],
            forced: ["Action: ```json\n[\n    {\n        \"tool_name\": \"", "\",\n        \"parameters\": ", "\n    }\n]```"],
            ..NONE
        },
    ),
    (
        ToolStyle::CommandAction,
        Marks {
            calls: &[("<|START_ACTION|>", End::Mark("<|END_ACTION|>"))],
            dropped: &["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"],
            forced: ["<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"", "\", \"parameters\": ", "}\n]<|END_ACTION|>"],
            ..NONE
        },
    ),
    (
        ToolStyle::DeepSeek,
        Marks {
            calls: DEEPSEEK_CALLS,
            dropped: DEEPSEEK_DROPPED,
            forced: [
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>",
                "\n```json\n",
                "\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            ],
            ..NONE
        },
    ),
    (
        ToolStyle::DeepSeekPlain,
        Marks {
            calls: DEEPSEEK_CALLS,
            dropped: DEEPSEEK_DROPPED,
            forced: ["<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"],
            ..NONE
        },
    ),
    (
        ToolStyle::Pipe,
        Marks {
            calls: &[("<|tool_call|>", End::Json { after: "" }), ("<tool_call>", End::Json { after: "" })],
            dropped: &["<|/tool_call|>", "</tool_call>"],
            forced: ["<|tool_call|>[{\"name\": \"", "\", \"arguments\": ", "}]"],
            ..NONE
        },
    ),
    (
        ToolStyle::Kimi,
        Marks {
            calls: &[("<|tool_call_begin|>", End::Mark("<|tool_call_end|>"))],
            dropped: &["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"],
            forced: [
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.",
                ":0<|tool_call_argument_begin|>",
                "<|tool_call_end|><|tool_calls_section_end|>",
            ],
            ..NONE
        },
    ),
    (
        ToolStyle::Gemma,
        Marks {
            // The second is the form in which a call is forced: its JSON can be held to a schema.
            calls: &[("<|tool_call>", End::Mark("<tool_call|>")), ("<tool_call>", End::Mark("</tool_call>"))],
            dropped: &["<|tool_response>"],
            forced: ["<|tool_call>call:", "", "<tool_call|>"],
            ..NONE
        },
    ),
    (ToolStyle::Harmony, Marks { forced: ["<|channel|>commentary to=functions.", " <|constrain|>json<|message|>", ""], ..NONE }),
];

const MISTRAL_CALLS: &[(&str, End)] = &[("[TOOL_CALLS]", End::Json { after: "[ARGS]" })];
const DEEPSEEK_CALLS: &[(&str, End)] = &[("<｜tool▁call▁begin｜>", End::Mark("<｜tool▁call▁end｜>"))];
const DEEPSEEK_DROPPED: &[&str] = &["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"];
