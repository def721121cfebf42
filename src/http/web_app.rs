//! The web app: the files of `assets/web/dist/`, embedded when this executable was built.
//!
//! The build leaves `NAME.br` and `NAME.gz` beside what can be compressed; they are served in NAME's place to clients
//! that take them. Only names that were embedded are served, so no path leads anywhere else.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

use super::headers::MayBeKept;
use crate::error::Error;

#[derive(Embed)]
#[folder = "assets/web/dist/"]
struct Dist;

/// The page that every place inside the app begins with.
const INDEX: &str = "index.html";
/// Names under it hold a hash of their content.
const HASHED: &str = "assets/";
/// First parts of paths that are never a place inside the app.
const NOT_OF_THE_APP: [&str; 10] =
    ["", "api", "v1", "assets", "healthz", "readyz", "metrics", "openapi.json", "reference", "reference.css"];

/// Best first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// All files of the app. Cheap to clone.
#[derive(Clone)]
pub struct WebApp {
    files: Arc<BTreeMap<String, File>>,
}

struct File {
    media_type: &'static str,
    /// As it is, without an encoding.
    plain: Content,
    /// With the name of the encoding, best first.
    encoded: Vec<(&'static str, Content)>,
}

struct Content {
    bytes: Cow<'static, [u8]>,
    /// Strong: of the very bytes that are sent.
    etag: HeaderValue,
}

impl WebApp {
    /// The app inside this executable.
    pub fn embedded() -> Self {
        Self { files: Arc::new(embedded()) }
    }

    /// Serves what the routes do not: files of the app, its first page for a place inside it, `otherwise` for the rest.
    pub fn serve(&self, method: &Method, uri: &Uri, headers: &HeaderMap, otherwise: Error) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return otherwise.into_response();
        }
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let name = if path.is_empty() || is_place(path, headers) && !self.files.contains_key(path) { INDEX } else { path };
        match self.files.get(name) {
            Some(file) => answer(name, file, method, headers),
            None => otherwise.into_response(),
        }
    }
}

fn embedded() -> BTreeMap<String, File> {
    let content = |name: &str| Dist::get(name).map(|file| Content { etag: etag(&file.metadata.sha256_hash()), bytes: file.data });
    let names: Vec<String> = Dist::iter().map(Cow::into_owned).collect();
    let is_variant = |name: &str| {
        ENCODINGS.iter().any(|(_, ending)| name.strip_suffix(ending).is_some_and(|plain| names.iter().any(|other| other == plain)))
    };
    let file = |name: &String| {
        let encoded = ENCODINGS.iter().filter_map(|(encoding, ending)| Some((*encoding, content(&format!("{name}{ending}"))?)));
        Some((name.clone(), File { media_type: media_type(name), encoded: encoded.collect(), plain: content(name)? }))
    };
    names.iter().filter(|name| !is_variant(name)).filter_map(file).collect()
}

/// RFC 9110, 8.8.3.
fn etag(sha256: &[u8; 32]) -> HeaderValue {
    let digest = sha256[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    HeaderValue::try_from(format!("\"{digest}\"")).expect("hexadecimal digits between quotes are a header's value")
}

/// Whether a browser goes to a place inside the app.
fn is_place(path: &str, headers: &HeaderMap) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    !NOT_OF_THE_APP.contains(&first) && listed(headers, &header::ACCEPT).any(|(kind, _)| kind == "text/html")
}

fn answer(name: &str, file: &File, method: &Method, headers: &HeaderMap) -> Response {
    let (encoding, content) = choose(file, headers);
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    let caching = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    fields.insert(header::ETAG, content.etag.clone());
    fields.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response.extensions_mut().insert(MayBeKept);
    if is_known(headers, &content.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(content.bytes.len()));
    if let Some(encoding) = encoding {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if method == Method::GET {
        *response.body_mut() = match &content.bytes {
            Cow::Borrowed(bytes) => Body::from(*bytes),
            Cow::Owned(bytes) => Body::from(bytes.clone()),
        };
    }
    response
}

fn choose<'a>(file: &'a File, headers: &HeaderMap) -> (Option<&'static str>, &'a Content) {
    let taken = |encoding: &str| listed(headers, &header::ACCEPT_ENCODING).any(|(name, wanted)| name == encoding && wanted);
    match file.encoded.iter().find(|(encoding, _)| taken(encoding)) {
        Some((encoding, content)) => (Some(encoding), content),
        None => (None, &file.plain),
    }
}

/// RFC 9110, 13.1.2: weak comparison.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let own = etag.to_str().unwrap_or_default();
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == own)
}

/// The members of a header's list, in lower case, and whether each is wanted at all (`q=0`: it is not).
fn listed<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = (String, bool)> + 'a {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|member| {
        let mut parts = member.split(';').map(|part| part.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok()));
        (name, quality.is_none_or(|quality| quality > 0.0))
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn file() -> File {
        let content = |text: &'static str| Content { bytes: text.as_bytes().into(), etag: etag(&[text.len() as u8; 32]) };
        File { media_type: "text/plain", plain: content("plain"), encoded: vec![("br", content("brotli")), ("gzip", content("gz"))] }
    }

    #[test]
    fn the_best_encoding_that_is_taken_is_chosen() {
        let chosen = |accepted: &'static str| choose(&file(), &headers(&[(header::ACCEPT_ENCODING, accepted)])).0;
        assert_eq!(chosen("gzip, deflate, br;q=0.1"), Some("br"));
        assert_eq!(chosen("GZIP"), Some("gzip"));
        assert_eq!(chosen("br;q=0, gzip;q=0.0"), None);
        assert_eq!(chosen("identity"), None);
        assert_eq!(choose(&file(), &HeaderMap::new()).0, None);
    }

    #[test]
    fn each_encoding_has_a_tag_of_its_own() {
        let file = file();
        let known = |tags: &'static str| is_known(&headers(&[(header::IF_NONE_MATCH, tags)]), &file.plain.etag);
        assert!(known("\"05050505050505050505050505050505\"") && known("\"x\", W/\"05050505050505050505050505050505\"") && known("*"));
        assert!(!known("\"06060606060606060606060606060606\"") && !known(""));
    }

    #[test]
    fn a_place_inside_the_app_is_what_a_browser_goes_to() {
        let page = headers(&[(header::ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]);
        for place in ["dreams", "dreams/0198", "status", "apiary"] {
            assert!(is_place(place, &page), "{place}");
            assert!(!is_place(place, &headers(&[(header::ACCEPT, "*/*")])), "{place}");
        }
        for other in ["api/v1/nothing", "assets/x.js", "healthz", "v1/models", "reference", "/evil.example"] {
            assert!(!is_place(other, &page), "{other}");
        }
    }
}
