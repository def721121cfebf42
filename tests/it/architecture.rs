//! The design's dependency rules, read off the source itself.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The layers from top to bottom. A module may name its own layer and those below it.
const LAYERS: &[&[&str]] = &[
    &["main", "cli"],
    &["app"],
    &["http"],
    &["features"],
    &["engine", "remote", "models", "jobs", "db"],
    &["egress"],
    &["config", "error"],
];

/// `error` maps the causes it can have; that is its one look upward.
const UPWARD: &[(&str, &str)] = &[("error", "engine")];

struct Source {
    /// Relative to `src/`, with `/`.
    path: String,
    /// Comments and string contents removed, tests cut off.
    code: String,
}

fn sources() -> Vec<Source> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("source folder") {
            let path = entry.expect("entry").path();
            if path.ends_with("tests.rs") || path.ends_with("testing.rs") {
                continue;
            }
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("source file");
            let path = path.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
            Source { path, code: code_of(&text) }
        })
        .collect()
}

/// Source text without comments and without its `#[cfg(test)]` tail.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Whether `code` names the crate `name` in a path (`name::`) that is not itself below another path.
fn names_crate(code: &str, name: &str) -> bool {
    let pattern = format!("{name}::");
    code.match_indices(&pattern)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':'))
}

fn offenders(name: &str, allowed: impl Fn(&str) -> bool) -> Vec<String> {
    sources().into_iter().filter(|source| !allowed(&source.path) && names_crate(&source.code, name)).map(|source| source.path).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|names| names.contains(&module))
}

#[test]
fn modules_depend_downward_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.path.split(['/', '.']).next().unwrap_or_default();
        let Some(own) = layer(module) else { continue };
        for (at, _) in source.code.match_indices("crate::") {
            let rest = &source.code[at + "crate::".len()..];
            let targets: Vec<&str> = match rest.strip_prefix('{') {
                Some(group) => {
                    group.split('}').next().unwrap_or("").split(',').map(|name| name.trim().split("::").next().unwrap_or("")).collect()
                }
                None => vec![rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")],
            };
            for target in targets {
                let upward = layer(target).is_some_and(|other| other < own);
                if upward && !UPWARD.contains(&(module, target)) {
                    wrong.push(format!("{} names {target}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "modules that depend upward: {wrong:#?}");
}

#[test]
fn axum_stays_in_http_and_routes() {
    let found = offenders("axum", |path| {
        path.starts_with("http/")
            || path.ends_with("/routes.rs")
            || path.contains("/routes/")
            || path == "error.rs"
            || path.starts_with("error/")
    });
    assert!(found.is_empty(), "axum outside its place: {found:?}");
}

#[test]
fn sqlx_stays_in_db_jobs_and_stores() {
    let found = offenders("sqlx", |path| {
        path.starts_with("db/")
            || path.starts_with("jobs/")
            || path.contains("/store/")
            || path.ends_with("/store.rs")
            || path == "error.rs"
    });
    assert!(found.is_empty(), "sqlx outside its place: {found:?}");
}

#[test]
fn native_engines_and_unsafe_stay_in_the_child() {
    let natives = ["llama_cpp_2", "whisper_rs", "llguidance", "toktrie", "libc"];
    let encoders = ["fastembed", "ort", "candle_core", "candle_nn", "candle_transformers", "tokenizers", "rayon"];
    for name in natives.into_iter().chain(encoders) {
        let found = offenders(name, |path| path.starts_with("engine/child/"));
        assert!(found.is_empty(), "{name} outside engine/child/: {found:?}");
    }
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.path.starts_with("engine/child/"))
        .filter(|source| source.code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe"))
        .map(|source| source.path)
        .collect();
    assert!(found.is_empty(), "unsafe outside engine/child/: {found:?}");
}

#[test]
fn one_door_leads_outward() {
    let found = offenders("reqwest", |path| path.starts_with("egress/"));
    assert!(found.is_empty(), "an HTTP client outside egress/: {found:?}");
}

#[test]
fn engines_know_nothing_of_http_sql_or_users() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("engine/")) {
        for name in ["axum", "sqlx", "reqwest", "hyper"] {
            if names_crate(&source.code, name) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn features_meet_through_their_front_doors() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("features/")) {
        let own = source.path.split('/').nth(1).unwrap_or_default();
        for (at, _) in source.code.match_indices("features::") {
            let mut names = source.code[at + "features::".len()..].split("::");
            let (feature, inside) = (names.next().unwrap_or(""), names.next().unwrap_or(""));
            let reaches_in = ["store", "service", "routes", "model", "jobs"].iter().any(|module| inside.starts_with(module));
            if feature != own && reaches_in {
                wrong.push(format!("{} reaches into {feature}::{inside}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_scan_sees_what_it_looks_for() {
    let code = code_of("use axum::Router; // sqlx::query\nlet x = my_sqlx::y;\n#[cfg(test)]\nmod tests { use reqwest::Client; }");
    let seen: BTreeMap<&str, bool> = ["axum", "sqlx", "reqwest"].into_iter().map(|name| (name, names_crate(&code, name))).collect();
    assert_eq!(seen, BTreeMap::from([("axum", true), ("sqlx", false), ("reqwest", false)]));
}
