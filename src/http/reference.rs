//! The reference page: the API document as plain HTML. It runs no script and loads nothing but its own style.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::OpenApi;

/// The page's style, served beside it.
pub const STYLE: &str = include_str!("../../assets/reference/reference.css");

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Renders the page, with a warning on top where engines may run unconfined.
pub fn page(document: &OpenApi, warning: Option<&str>) -> String {
    let document = serde_json::to_value(document).unwrap_or_default();
    let (title, about) = (text(&document["info"]["title"]), text(&document["info"]["description"]));
    let warning = warning.map(|warning| format!("<p class=\"warning\" role=\"alert\">{}</p>", escape(warning))).unwrap_or_default();
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><title>{title} API</title><link rel=\"stylesheet\" href=\"/reference.css\"></head><body><header><h1>{title} \
         API</h1>{warning}<p>{about}</p><p>Machine-readable: <a href=\"/openapi.json\">openapi.json</a></p></header><main>"
    );
    for (path, item) in entries(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                render_operation(&mut html, method, path, operation);
            }
        }
    }
    html.push_str("<h2 id=\"schemas\">Types</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        render_schema(&mut html, name, schema);
    }
    html.push_str("</main></body></html>");
    html
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn render_operation(html: &mut String, method: &str, path: &str, operation: &Value) {
    let (summary, description) = (text(&operation["summary"]), text(&operation["description"]));
    let _ = write!(html, "<section><h2><span class=\"method {method}\">{method}</span> <code>{}</code></h2>", escape(path));
    let _ = write!(html, "<p class=\"summary\">{summary}</p><p>{description}</p>");
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        html.push_str("<h3>Parameters</h3><dl>");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let _ = write!(html, "<dt><code>{name}</code> <small>{place}, {}</small></dt>", kind(&parameter["schema"]));
            let _ = write!(html, "<dd>{}</dd>", text(&parameter["description"]));
        }
        html.push_str("</dl>");
    }
    if operation["requestBody"].is_object() {
        let _ = write!(html, "<h3>Body</h3><p>{}</p>", contents(&operation["requestBody"]));
    }
    html.push_str("<h3>Answers</h3><dl>");
    for (status, answer) in entries(&operation["responses"]) {
        let _ = write!(html, "<dt><code>{}</code> {}</dt><dd>{}</dd>", escape(status), contents(answer), text(&answer["description"]));
    }
    html.push_str("</dl></section>");
}

fn contents(holder: &Value) -> String {
    let content =
        entries(&holder["content"]).map(|(media, content)| format!("<small>{} {}</small>", escape(media), kind(&content["schema"])));
    content.collect::<Vec<_>>().join(" or ")
}

fn render_schema(html: &mut String, name: &str, schema: &Value) {
    let name = escape(name);
    let _ = write!(html, "<section id=\"{name}\"><h3><code>{name}</code></h3><p>{}</p>", text(&schema["description"]));
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("<code>{}</code>", text(value))).collect();
        let _ = write!(html, "<p>One of {}</p>", values.join(", "));
    }
    html.push_str("<dl>");
    let parts = schema["allOf"].as_array().into_iter().flatten().chain(std::iter::once(schema));
    for part in parts {
        if part["$ref"].is_string() {
            let _ = write!(html, "<dt>all of {}</dt>", kind(part));
        }
        for (field, property) in entries(&part["properties"]) {
            let description = text(&property["description"]);
            let _ = write!(html, "<dt><code>{}</code> <small>{}</small></dt><dd>{description}</dd>", escape(field), kind(property));
        }
    }
    html.push_str("</dl></section>");
}

/// A schema in a few words, with links to named types.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or(reference));
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => escape(name),
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

/// Prose of the document: escaped, with code between backticks.
fn text(value: &Value) -> String {
    let escaped = escape(value.as_str().unwrap_or_default());
    let pieces = escaped.split('`').enumerate();
    pieces.map(|(number, piece)| if number % 2 == 1 { format!("<code>{piece}</code>") } else { piece.to_owned() }).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_document_cannot_become_markup() {
        assert_eq!(text(&Value::String("a <b> `c<d`".into())), "a &lt;b&gt; <code>c&lt;d</code>");
    }
}
