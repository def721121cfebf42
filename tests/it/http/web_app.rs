//! The web app as a browser gets it. The names are taken from the page itself, so any build of the app will do.

use std::io::Read as _;

use axum::{body::Body, http::header};

use super::house::{Answer, House, request};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn ask(house: &House, method: &str, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let asked = headers.iter().fold(request(method, path), |request, (name, value)| request.header(name, *value));
    house.send(asked.body(Body::empty()).unwrap()).await
}

async fn visit(house: &House, path: &str) -> Answer {
    ask(house, "GET", path, &[(header::ACCEPT, BROWSER)]).await
}

/// What the page loads from this server: scripts, styles, icons, the manifest.
fn loaded(page: &str) -> Vec<String> {
    let after = |attribute: &str| page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>();
    [after("src=\""), after("href=\"")].concat()
}

/// A file of the page whose name holds a hash, with that ending.
fn hashed(page: &str, ending: &str) -> String {
    let found = loaded(page).into_iter().find(|name| name.starts_with("/assets/") && name.ends_with(ending));
    found.unwrap_or_else(|| panic!("the page loads no {ending}: {page}"))
}

#[tokio::test]
async fn the_page_and_all_that_it_loads_are_served_with_their_types() {
    let house = House::without_database();
    let page = visit(&house, "/").await;
    assert_eq!((page.status.as_u16(), &page.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    assert_eq!(page.headers["cache-control"], "no-cache");
    assert!(!page.text.contains("style=") && !page.text.contains("<style") && !page.text.contains("//cdn"), "{}", page.text);
    for script in page.text.split("<script").skip(1) {
        assert!(script.contains("src=\"/") && script.contains("></script>"), "a script inside the page: {script}");
    }
    let types =
        [("js", "text/javascript; charset=utf-8"), ("css", "text/css; charset=utf-8"), ("webmanifest", "application/manifest+json")];
    for name in loaded(&page.text) {
        assert!(name.starts_with('/') && !name.starts_with("//"), "{name} comes from elsewhere");
        let file = ask(&house, "GET", &name, &[]).await;
        assert_eq!(file.status.as_u16(), 200, "{name}");
        if let Some((_, media_type)) = types.iter().find(|(ending, _)| name.ends_with(ending)) {
            assert_eq!(file.headers["content-type"], *media_type, "{name}");
        }
        let caching = if name.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(file.headers["cache-control"], caching, "{name}");
    }
    let worker = ask(&house, "GET", "/sw.js", &[]).await;
    assert_eq!((worker.status.as_u16(), &worker.headers["cache-control"]), (200, &"no-cache".parse().unwrap()));
}

#[tokio::test]
async fn a_file_is_sent_packed_to_who_takes_it_and_not_at_all_to_who_has_it() {
    let house = House::without_database();
    let script = hashed(&visit(&house, "/").await.text, ".js");
    for path in ["/", script.as_str()] {
        let plain = ask(&house, "GET", path, &[(header::ACCEPT_ENCODING, "identity")]).await;
        assert!(!plain.headers.contains_key("content-encoding") && plain.headers["vary"] == "Accept-Encoding");
        let packed = house.bytes("GET", path, &[(header::ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!(packed.headers["content-encoding"], "gzip", "{path}");
        assert_eq!(packed.headers["content-type"], plain.headers["content-type"]);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(packed.bytes.as_slice()).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.text, "{path}");
        assert_ne!(packed.headers["etag"], plain.headers["etag"], "each form has its own tag");
        let best = house.bytes("GET", path, &[(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")]).await;
        let smallest = packed.bytes.len().min(plain.text.len());
        match best.headers.get("content-encoding").map(|encoding| encoding.to_str().unwrap()) {
            Some("br") => assert!(best.bytes.len() <= smallest, "{path}"),
            other => panic!("{path} was sent as {other:?}"),
        }

        let tag = plain.headers["etag"].to_str().unwrap();
        assert!(tag.starts_with('"'), "a weak tag: {tag}");
        let again = ask(&house, "GET", path, &[(header::IF_NONE_MATCH, tag)]).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        assert_eq!((&again.headers["etag"], &again.headers["cache-control"]), (&plain.headers["etag"], &plain.headers["cache-control"]));
        let other = ask(&house, "GET", path, &[(header::IF_NONE_MATCH, tag), (header::ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!(other.status.as_u16(), 200, "the packed form is another one");

        let head = ask(&house, "HEAD", path, &[]).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
        assert_eq!(head.headers["content-length"], plain.text.len().to_string().as_str());
    }
}

#[tokio::test]
async fn a_place_inside_the_app_is_its_page_and_nothing_else_is() {
    let house = House::without_database();
    let page = visit(&house, "/").await.text;
    for place in ["/dreams", "/dreams/0198c0de-0000-7000-8000-000000000000", "/status?tab=models", "/settings/deep/er"] {
        let answer = visit(&house, place).await;
        assert_eq!((answer.status.as_u16(), answer.text == page), (200, true), "{place}");
        let program = ask(&house, "GET", place, &[(header::ACCEPT, "application/json")]).await;
        assert_eq!((program.status.as_u16(), &program.headers["content-type"]), (404, &"application/problem+json".parse().unwrap()));
    }
    let script = hashed(&page, ".js");
    let strange = [
        "/api",
        "/api/",
        "/api/v1/nothing",
        "/v1/nothing",
        "/assets/",
        "/assets/unknown-0123.js",
        "/metrics",
        "/healthz/x",
        "/reference/x",
        "//etc/passwd/../assets/x",
        &format!("{script}/"),
        &format!("{script}%00"),
    ];
    for path in strange {
        let answer = visit(&house, path).await;
        assert_ne!(answer.text, page, "{path}");
        assert_eq!(answer.status.as_u16(), 404, "{path}");
    }
    assert_eq!(ask(&house, "POST", "/dreams", &[(header::ACCEPT, BROWSER)]).await.status.as_u16(), 404);
}

#[tokio::test]
async fn no_path_leads_out_of_the_app() {
    let house = House::without_database();
    for path in [
        "/../Cargo.toml",
        "/assets/../../package.json",
        "/assets/..%2f..%2fpackage.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/.vite/manifest.json",
        "/assets/..\\index.html",
        "/index.html.gz",
        "/index.html.br",
    ] {
        let answer = ask(&house, "GET", path, &[]).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_page_is_there_while_the_appliance_comes_up() {
    let house = House::starting();
    let page = visit(&house, "/").await;
    assert_eq!(page.status.as_u16(), 200);
    assert_eq!(ask(&house, "GET", &hashed(&page.text, ".js"), &[]).await.status.as_u16(), 200);
    assert_eq!(visit(&house, "/dreams").await.text, page.text);
    assert_eq!(ask(&house, "GET", "/reference", &[]).await.status.as_u16(), 200);
    assert_eq!(ask(&house, "GET", "/openapi.json", &[]).await.status.as_u16(), 200);
    assert_eq!(ask(&house, "GET", "/api/v1/models", &[]).await.status.as_u16(), 200);
    let early = visit(&house, "/api/v1/dreams").await;
    assert_eq!(early.status.as_u16(), 503);
    assert!(early.headers.contains_key("retry-after"));
}
