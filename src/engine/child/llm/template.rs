//! A model's own chat template: Jinja as Hugging Face's templates use it.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken, vocab::LlamaVocab};
use minijinja::{Environment, Error, ErrorKind, Value, context, syntax::SyntaxConfig};

use crate::engine::{ChatMessage, ChatRole, EngineError};

const NAME: &str = "chat";
/// Steps that a template may take: a template comes with a model and may loop.
const FUEL: u64 = 1_000_000;

/// A parsed template with what it may ask of its surroundings.
pub(super) struct ChatTemplate {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl ChatTemplate {
    /// The model's default template; `None` for a base model.
    pub(super) fn of(model: &LlamaModel) -> Result<Option<Self>, EngineError> {
        let Ok(template) = model.chat_template(None) else { return Ok(None) };
        let source = template.to_str().map_err(|error| EngineError::Failed(format!("the model's chat template is not text: {error}")))?;
        let vocabulary = model.vocab();
        Self::new(source, token_text(&vocabulary, vocabulary.bos()), token_text(&vocabulary, vocabulary.eos())).map(Some)
    }

    fn new(source: &str, begin: String, end: String) -> Result<Self, EngineError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| EngineError::Failed(error.to_string()))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| EngineError::Failed(format!("the model's chat template cannot be read: {error}")))?;
        Ok(Self { environment, begin, end })
    }

    /// The prompt up to where the assistant begins to write.
    pub(super) fn render(&self, messages: &[ChatMessage]) -> Result<String, EngineError> {
        self.render_once(messages)
            .or_else(|error| merge_system(messages).map_or(Err(error), |merged| self.render_once(&merged)))
            .map_err(|error| EngineError::InvalidRequest(format!("the model's chat template refuses these messages: {error}")))
    }

    fn render_once(&self, messages: &[ChatMessage]) -> Result<String, Error> {
        let messages: Vec<Value> =
            messages.iter().map(|message| context! { role => role_name(message.role), content => message.content.as_str() }).collect();
        self.environment.get_template(NAME)?.render(context! {
            messages,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
            add_generation_prompt => true,
            tools => Value::from(()),
        })
    }
}

/// Some templates know no system role: its text goes before the first user message instead.
fn merge_system(messages: &[ChatMessage]) -> Option<Vec<ChatMessage>> {
    let [system, question, rest @ ..] = messages else { return None };
    if system.role != ChatRole::System || question.role != ChatRole::User {
        return None;
    }
    let content = format!("{}\n\n{}", system.content, question.content);
    Some([ChatMessage { role: ChatRole::User, content }].into_iter().chain(rest.iter().cloned()).collect())
}

fn role_name(role: ChatRole) -> &'static str {
    match role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
    }
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(format: &str) -> Result<String, Error> {
    let describe = |error: &dyn std::fmt::Display| Error::new(ErrorKind::InvalidOperation, error.to_string());
    let format = time::format_description::parse_strftime_borrowed(format).map_err(|error| describe(&error))?;
    time::OffsetDateTime::now_utc().format(&format).map_err(|error| describe(&error))
}

fn token_text(vocabulary: &LlamaVocab<'_>, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    vocabulary.text(token).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: ChatRole, content: &str) -> ChatMessage {
        ChatMessage { role, content: content.into() }
    }

    fn render(source: &str, messages: &[ChatMessage]) -> Result<String, EngineError> {
        ChatTemplate::new(source, "<s>".into(), "</s>".into()).unwrap().render(messages)
    }

    #[test]
    fn what_published_templates_use_is_there() {
        let source = "{{- bos_token }}{%- set ns = namespace(found=false) %}\
            {%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.found = true %}{%- endif %}\
            {{- '<|' + message.role + '|>' + message.content.strip() + eos_token }}{%- endfor %}\
            {%- if not ns.found %}{{ raise_exception('no user') }}{%- endif %}\
            {%- if tools %}{{ tools | tojson }}{%- endif %}\
            {%- if strftime_now('%Y').startswith('2') and add_generation_prompt %}{{ '<|assistant|>' }}{%- endif %}";
        let prompt = render(source, &[message(ChatRole::User, "  a dream \n")]).unwrap();
        assert_eq!(prompt, "<s><|user|>a dream</s><|assistant|>");
        let error = render(source, &[message(ChatRole::Assistant, "x")]).unwrap_err();
        assert!(error.to_string().contains("no user"), "{error}");
    }

    #[test]
    fn a_template_without_system_role_gets_its_text_with_the_first_question() {
        let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}{{ messages[0].content }}";
        let messages = [message(ChatRole::System, "Be kind."), message(ChatRole::User, "Hello")];
        assert_eq!(render(source, &messages).unwrap(), "Be kind.\n\nHello");
    }

    #[test]
    fn an_endless_template_is_stopped() {
        let source = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
        assert!(matches!(render(source, &[message(ChatRole::User, "x")]), Err(EngineError::InvalidRequest(_))));
    }
}
