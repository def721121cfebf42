//! The models, as Ollama lists them.

use std::collections::BTreeMap;

use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};

use super::{
    model::{Details, Shown, Tag},
    narration::timestamp,
};
use crate::features::openai::{ModelCard, Task};

/// When a model leaves memory is not told: it may go earlier, when another needs its place.
const NEVER: OffsetDateTime = datetime!(2318-01-01 00:00 UTC);

/// The name by which this server knows a model: `:latest` means nothing here.
pub fn own_name(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}

/// A model in the list of those that are here.
pub fn tag(card: &ModelCard, since: OffsetDateTime) -> Tag {
    Tag {
        name: format!("{}:latest", card.id),
        model: format!("{}:latest", card.id),
        modified_at: timestamp(since),
        size: card.bytes,
        digest: String::new(),
        details: details(card),
        expires_at: None,
        size_vram: None,
        context_length: None,
    }
}

/// A model in the list of those in memory.
pub fn loaded(card: &ModelCard, since: OffsetDateTime) -> Tag {
    Tag { expires_at: Some(timestamp(NEVER)), size_vram: Some(0), context_length: card.context_length, ..tag(card, since) }
}

fn details(card: &ModelCard) -> Details {
    let family = card.id.split('-').next().unwrap_or_default().to_owned();
    Details {
        parent_model: "",
        format: card.format.clone(),
        families: vec![family.clone()],
        family,
        parameter_size: String::new(),
        quantization_level: String::new(),
    }
}

/// All that is known of a model.
pub fn shown(card: &ModelCard, since: OffsetDateTime) -> Shown {
    let facts = [("context_length", card.context_length), ("embedding_length", card.dimensions)];
    let known = facts.into_iter().filter_map(|(name, value)| Some((format!("general.{name}"), Value::from(value?))));
    let model_info: BTreeMap<String, Value> = known.chain([("general.basename".to_owned(), card.id.clone().into())]).collect();
    let capabilities = match card.task {
        Task::Text if card.dialog && card.reasons => vec!["completion", "tools", "thinking"],
        Task::Text if card.dialog => vec!["completion", "tools"],
        Task::Text => vec!["completion"],
        Task::Embedding => vec!["embedding"],
        Task::Speech => vec!["audio"],
    };
    Shown { modified_at: timestamp(since), details: details(card), model_info, capabilities }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tools::knows_reasoning;

    #[test]
    fn a_model_whose_template_knows_reasoning_is_said_to_think() {
        let capabilities = |template: &str| {
            let card = ModelCard {
                id: "a".into(),
                task: Task::Text,
                dialog: true,
                reasons: knows_reasoning(template),
                context_length: None,
                dimensions: None,
                format: "gguf".into(),
                bytes: 0,
                loaded: false,
            };
            shown(&card, OffsetDateTime::UNIX_EPOCH).capabilities
        };
        for thinking in [
            include_str!("../../../tests/fixtures/templates/qwen-3.jinja"),
            include_str!("../../../tests/fixtures/templates/gpt-oss.jinja"),
            include_str!("../../../tests/fixtures/templates/gemma-4.jinja"),
        ] {
            assert_eq!(capabilities(thinking), ["completion", "tools", "thinking"]);
        }
        assert_eq!(capabilities(include_str!("../../../tests/fixtures/templates/qwen-2.5.jinja")), ["completion", "tools"]);
    }
}
