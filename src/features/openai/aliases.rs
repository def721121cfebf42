//! Other names of local models, so that a client written for OpenAI's needs no change.

use std::collections::BTreeMap;

use super::ModelCard;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    Text,
    Embedding,
    Speech,
}

/// The words that stand for "the preferred model for this", in place of a model's id.
const TASKS: [(&str, Task); 3] = [("chat", Task::Text), ("embedding", Task::Embedding), ("speech", Task::Speech)];

/// Name → a model's id, or one of `chat`, `embedding` and `speech`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Aliases {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Aliases {
    /// The model that a client means by a name. A model's own id always means that model.
    pub fn resolve<'a>(&'a self, name: &'a str, models: &'a [ModelCard]) -> Option<&'a ModelCard> {
        let own = |id: &str| models.iter().find(|model| model.id == id);
        own(name).or_else(|| {
            let target = self.0.get(name).map_or(name, String::as_str);
            own(target).or_else(|| preferred(target, models))
        })
    }

    /// The names by which a model may be called beside its own.
    pub fn of(&self, id: &str, models: &[ModelCard]) -> Vec<String> {
        self.0.keys().filter(|name| self.resolve(name, models).is_some_and(|model| model.id == id)).cloned().collect()
    }
}

/// The model for a task: for text the first that holds dialogs, else the first.
fn preferred<'a>(word: &str, models: &'a [ModelCard]) -> Option<&'a ModelCard> {
    let (_, task) = TASKS.iter().find(|(name, _)| *name == word)?;
    let mut fitting = models.iter().filter(|model| model.task == *task);
    let first = fitting.clone().next();
    fitting.find(|model| model.dialog).or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(id: &str, task: Task, dialog: bool) -> ModelCard {
        ModelCard {
            id: id.into(),
            task,
            dialog,
            reasons: false,
            context_length: None,
            dimensions: None,
            format: "gguf".into(),
            bytes: 0,
            loaded: true,
        }
    }

    #[test]
    fn a_name_means_the_model_itself_then_its_alias_then_a_task() {
        let models = [card("base", Task::Text, false), card("small", Task::Text, true), card("e5", Task::Embedding, false)];
        let pairs =
            [("gpt-4o", "chat"), ("text-embedding-3-small", "embedding"), ("mine", "base"), ("small", "base"), ("whisper-1", "speech")];
        let aliases: Aliases = pairs.map(|(name, target)| (name.to_owned(), target.to_owned())).into_iter().collect();
        let resolved = |name| aliases.resolve(name, &models).map(|model| model.id.as_str());
        assert_eq!(resolved("gpt-4o"), Some("small"), "a base model holds no dialog");
        assert_eq!(resolved("text-embedding-3-small"), Some("e5"));
        assert_eq!(resolved("mine"), Some("base"));
        assert_eq!(resolved("small"), Some("small"), "an alias never hides a model");
        assert_eq!((resolved("whisper-1"), resolved("nothing")), (None, None));
        assert_eq!(aliases.of("base", &models), ["mine"]);
    }
}
