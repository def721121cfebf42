//! Templates that mean harm, and dialogs that are large.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_harmful_template_is_stopped_with_the_reason() {
    let many = "{% set text = 'x' * 1000000 %}";
    let cases = [
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% set c = a * b %}{% endfor %}{% endfor %}".to_owned(), "steps"),
        (format!("{many}{{% for a in range(10) %}}{{{{ text }}}}{{% endfor %}}"), "bytes"),
        (format!("{many}{{% set all %}}{{% for a in range(9999) %}}{{{{ text }}}}{{% endfor %}}{{% endset %}}"), "bytes"),
        (format!("{many}{{{{ text.replace('x', text) }}}}"), "too long"),
        (format!("{many}{{{{ [text, text, text, text, text, text, text, text, text] | tojson }}}}"), "bytes"),
        ("{{ 'x' | indent(99999999) }}".to_owned(), "small number"),
        ("{{ 'x'.ljust(99999999) }}".to_owned(), ""),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".to_owned(), ""),
        (format!("{{{{ {} }}}}", "(".repeat(60_000)), ""),
        (format!("{{{{ {}1{} }}}}", "[".repeat(60_000), "]".repeat(60_000)), ""),
        ("x".repeat(300_000), "longer"),
        ("{% include '/etc/passwd' %}".to_owned(), ""),
        ("{{ raise_exception('only Klingon') }}".to_owned(), "only Klingon"),
        ("{% for".to_owned(), ""),
    ];
    for (source, reason) in cases {
        let began = Instant::now();
        let error = render(&source, &[say(ChatRole::User, "x")]).expect_err(&source[..source.len().min(60)]);
        assert!(error.contains(reason), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20), "{} took {:?}", &source[..source.len().min(60)], began.elapsed());
    }
}

#[test]
fn a_prompt_of_many_long_messages_is_rendered() {
    let messages: Vec<ChatMessage> =
        (0..1000).map(|at| say(if at % 2 == 0 { ChatRole::User } else { ChatRole::Assistant }, &"word ".repeat(1000))).collect();
    let prompt = fixture("qwen-3").render(&messages, &weather(), Reasoning::Default).unwrap();
    assert!(prompt.len() > 5_000_000);
}

/// What the test below starts in a process of its own.
const MEMORY_TEST: &str = "a_text_that_doubles_for_ever";

#[test]
#[ignore = "ends its process"]
fn a_text_that_doubles_for_ever() {
    let source = "{% set ns = namespace(x='x' * 1000) %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    let _ = render(source, &[say(ChatRole::User, "x")]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it starts this very program again, whose end it watches")]
fn a_template_that_takes_all_memory_ends_its_process_with_the_reason() {
    let module = module_path!().split_once("::").unwrap().1;
    let tests = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", &format!("{module}::{MEMORY_TEST}")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&tests.stderr);
    assert!(!tests.status.success() && told.contains("chat template takes more than"), "{}: {told}", tests.status);
}
