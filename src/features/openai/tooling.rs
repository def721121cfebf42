//! From a request's tools to what an engine is told of them.

use serde_json::Value;

use super::{
    constraint::check_name,
    model::{NamedTool, ReasoningEffort, Tool, ToolChoice, ToolFunction, ToolMode, WireCall},
};
use crate::{
    engine::{Reasoning, ToolCall, ToolDefinition, tools::is_name},
    error::{Error, Result},
};

/// Tools of one request: what engines take.
const MOST_TOOLS: usize = crate::engine::tools::MAX_TOOLS;
/// The longest definition of one tool, in bytes.
const MOST_BYTES: usize = 32 * 1024;

/// What may be called, and what must be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tooling {
    pub tools: Vec<ToolDefinition>,
    /// One of these has to be called.
    pub forced: Option<Vec<ToolDefinition>>,
    /// No call after the first.
    pub one_call: bool,
}

impl Tooling {
    pub fn new(tools: &[Tool], choice: Option<&ToolChoice>, parallel: Option<bool>) -> Result<Self> {
        if tools.len() > MOST_TOOLS {
            return Err(Error::invalid("tools", format!("has at most {MOST_TOOLS} tools, not {}", tools.len())));
        }
        let tools = tools.iter().enumerate().map(definition).collect::<Result<Vec<_>>>()?;
        let one_call = parallel == Some(false);
        let forced = match choice {
            Some(ToolChoice::Mode(ToolMode::None)) => return Ok(Self::default()),
            None | Some(ToolChoice::Mode(ToolMode::Auto)) => return Ok(Self { tools, forced: None, one_call }),
            Some(ToolChoice::Mode(ToolMode::Required)) => tools.clone(),
            Some(ToolChoice::Named(NamedTool::Function { function })) => {
                let named: Vec<_> = tools.iter().filter(|tool| tool.name == function.name).cloned().collect();
                if named.is_empty() {
                    return Err(Error::invalid("tool_choice.function.name", "is the name of none of the tools"));
                }
                named
            }
        };
        if forced.is_empty() {
            return Err(Error::invalid("tool_choice", "asks for a call, and there are no tools"));
        }
        Ok(Self { tools, forced: Some(forced), one_call })
    }
}

fn definition((index, Tool::Function { function }): (usize, &Tool)) -> Result<ToolDefinition> {
    let ToolFunction { name, description, parameters, .. } = function;
    check_name(&format!("tools[{index}].function.name"), name)?;
    let field = format!("tools[{index}].function.parameters");
    let parameters = match parameters {
        None => r#"{"type":"object","properties":{}}"#.to_owned(),
        Some(schema) if schema.is_object() => schema.to_string(),
        Some(_) => return Err(Error::invalid(field, "must be a JSON schema: an object")),
    };
    let description = description.clone().unwrap_or_default();
    if parameters.len() + description.len() > MOST_BYTES {
        return Err(Error::invalid(field, format!("and the description must be of at most {MOST_BYTES} bytes together")));
    }
    Ok(ToolDefinition { name: name.clone(), description, parameters })
}

/// A call that a client sends back; `field` is its place.
pub fn earlier_call(field: &str, call: &WireCall) -> Result<ToolCall> {
    let WireCall { id, function, .. } = call;
    if !is_name(&function.name) {
        return Err(Error::invalid(format!("{field}.function.name"), "must be 1 to 64 letters, digits, '_', '-' or '.'"));
    }
    let arguments = if function.arguments.trim().is_empty() { "{}" } else { &function.arguments };
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(_)) => Ok(ToolCall { id: id.clone(), name: function.name.clone(), arguments: arguments.to_owned() }),
        Ok(_) => Err(Error::invalid(format!("{field}.function.arguments"), "must be a JSON object, as text")),
        Err(error) => Err(Error::invalid(format!("{field}.function.arguments"), format!("is not JSON: {error}"))),
    }
}

impl From<Option<ReasoningEffort>> for Reasoning {
    fn from(effort: Option<ReasoningEffort>) -> Self {
        match effort {
            None => Self::Default,
            Some(ReasoningEffort::None | ReasoningEffort::Minimal) => Self::Off,
            Some(ReasoningEffort::Low) => Self::Low,
            Some(ReasoningEffort::Medium) => Self::Medium,
            Some(ReasoningEffort::High) => Self::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tools() -> Vec<Tool> {
        let tools = json!([
            {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},
            {"type": "function", "function": {"name": "time"}},
        ]);
        serde_json::from_value(tools).unwrap()
    }

    fn forced(choice: Value) -> Result<Option<Vec<String>>> {
        let choice: ToolChoice = serde_json::from_value(choice).unwrap();
        let tooling = Tooling::new(&tools(), Some(&choice), None)?;
        Ok(tooling.forced.map(|tools| tools.into_iter().map(|tool| tool.name).collect()))
    }

    #[test]
    fn a_choice_names_what_has_to_be_called() {
        assert_eq!(forced(json!("auto")).unwrap(), None);
        assert_eq!(forced(json!("required")).unwrap().unwrap(), ["weather", "time"]);
        assert_eq!(forced(json!({"type": "function", "function": {"name": "time"}})).unwrap().unwrap(), ["time"]);
        assert!(forced(json!({"type": "function", "function": {"name": "date"}})).is_err());
        let none = Tooling::new(&tools(), Some(&ToolChoice::Mode(ToolMode::None)), None).unwrap();
        assert!(none.tools.is_empty(), "what may not be called is not shown");
        assert!(Tooling::new(&[], Some(&ToolChoice::Mode(ToolMode::Required)), None).is_err());
    }

    #[test]
    fn broken_tools_and_calls_are_named() {
        let broken = |tool: Value| {
            let tool: Tool = serde_json::from_value(json!({"type": "function", "function": tool})).unwrap();
            Tooling::new(&[tool], None, None).unwrap_err().to_string()
        };
        assert!(broken(json!({"name": "a b"})).starts_with("tools[0].function.name"));
        assert!(broken(json!({"name": "a", "parameters": "{"})).starts_with("tools[0].function.parameters"));
        assert!(broken(json!({"name": "a", "description": "x".repeat(40_000)})).contains("bytes"));
        let call = |arguments: &str| {
            let call = json!({"id": "1", "type": "function", "function": {"name": "a", "arguments": arguments}});
            earlier_call("messages[1].tool_calls[0]", &serde_json::from_value(call).unwrap())
        };
        assert!(call("{\"a\":").unwrap_err().to_string().contains("is not JSON"));
        assert!(call("[]").is_err());
        assert_eq!(call("").unwrap().arguments, "{}");
    }
}
