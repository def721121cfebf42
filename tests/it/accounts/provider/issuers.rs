//! Providers of identities: a real one in Node, and one of our own that lies as it is told.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Json, Router,
    extract::{Form, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::clients::{installed, sources};

pub const CLIENT_SECRET: &str = "canary secret of the client";
const START: Duration = Duration::from_secs(60);
const YEAR: i64 = 365 * 24 * 60 * 60;

/// `oidc-provider` on loopback.
pub struct Real {
    pub issuer: String,
    child: Child,
    _script: tempfile::NamedTempFile,
}

impl Real {
    pub async fn start(back: &str) -> Self {
        // Node looks for packages beside the file that names them.
        let folder = installed("node/node_modules").with_file_name("");
        let script = tempfile::Builder::new().prefix("provider-").suffix(".mjs").tempfile_in(folder).unwrap();
        std::fs::copy(sources().join("node/provider.mjs"), script.path()).unwrap();
        let mut command = Command::new("node");
        command.arg(script.path()).env("CLIENT_SECRET", CLIENT_SECRET).env("REDIRECT_URI", back);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let issuer =
            tokio::time::timeout(START, lines.next_line()).await.expect("it starts in time").unwrap().expect("it prints its issuer");
        // It tells more as it goes, and would end when nobody took it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { issuer, child, _script: script }
    }

    pub async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// What is wrong with the token, or with what the provider tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    OtherNonce,
    NoNonce,
    OtherAudience,
    FurtherAudience,
    OtherParty,
    OtherIssuer,
    Unsigned,
    SignedWithTheClientSecret,
    SignedByAnother,
    YearsAgo,
    YearsAhead,
    Expired,
    NoToken,
    NoSubject,
    /// The code is good for nothing.
    Declines,
    /// None: its keys changed meanwhile.
    NewKey,
    /// None: its clock is half a minute behind.
    SlowClock,
    KeysElsewhere,
}

struct Told {
    lie: Lie,
    nonce: String,
    challenge: String,
    secrets: Vec<String>,
}

struct Inside {
    issuer: String,
    key: EcdsaKeyPair,
    other_key: EcdsaKeyPair,
    told: Mutex<Told>,
}

/// An issuer that says what it is told to say. It stops with its test's runtime.
pub struct Fake {
    pub issuer: String,
    inside: Arc<Inside>,
}

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let told = Told { lie: Lie::None, nonce: String::new(), challenge: String::new(), secrets: Vec::new() };
        let inside = Arc::new(Inside { issuer: issuer.clone(), key: key(), other_key: key(), told: Mutex::new(told) });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route("/keys", get(keys))
            .route("/token", post(tokens))
            .with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, inside }
    }

    pub fn tell(&self, lie: Lie) {
        self.inside.told.lock().unwrap().lie = lie;
    }

    /// What the browser came with.
    pub fn is_asked(&self, nonce: &str, challenge: &str) {
        let mut told = self.inside.told.lock().unwrap();
        told.nonce = nonce.to_owned();
        told.challenge = challenge.to_owned();
        told.secrets.push(nonce.to_owned());
    }

    /// All that must be told to nobody.
    pub fn secrets(&self) -> Vec<String> {
        self.inside.told.lock().unwrap().secrets.clone()
    }
}

async fn about(State(inside): State<Arc<Inside>>) -> Json<Value> {
    let of = |path: &str| format!("{}/{path}", inside.issuer);
    let keys = match inside.told.lock().unwrap().lie {
        Lie::KeysElsewhere => "https://keys.example.org/keys".to_owned(),
        _ => of("keys"),
    };
    Json(json!({
        "issuer": inside.issuer, "authorization_endpoint": of("authorize"), "token_endpoint": of("token"), "jwks_uri": keys,
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    }))
}

async fn keys(State(inside): State<Arc<Inside>>) -> Json<Value> {
    let (id, key) = match inside.told.lock().unwrap().lie {
        Lie::NewKey => ("two", &inside.other_key),
        _ => ("one", &inside.key),
    };
    let point = key.public_key().as_ref();
    let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Json(json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": coordinate(&point[1..33]), "y": coordinate(&point[33..65]),
    }] }))
}

#[derive(serde::Deserialize)]
struct Asked {
    code: String,
    code_verifier: String,
}

async fn tokens(State(inside): State<Arc<Inside>>, Form(asked): Form<Asked>) -> Response {
    let mut told = inside.told.lock().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&asked.code_verifier)), told.challenge, "the verifier is the challenge's");
    told.secrets.push(asked.code_verifier.clone());
    if told.lie == Lie::Declines {
        // Some tell too much.
        let text = format!("{} with {}", asked.code, asked.code_verifier);
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant", "error_description": text }))).into_response();
    }
    let token = inside.token(told.lie, &told.nonce);
    told.secrets.push(token.clone());
    let mut answer = json!({ "access_token": "canary-access", "token_type": "Bearer", "expires_in": 60 });
    if told.lie != Lie::NoToken {
        answer["id_token"] = token.into();
    }
    Json(answer).into_response()
}

impl Inside {
    fn token(&self, lie: Lie, nonce: &str) -> String {
        let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let mut header = json!({ "alg": "ES256", "kid": "one" });
        let mut claims = json!({
            "iss": self.issuer, "sub": "eve of the provider", "aud": "oneiros", "iat": now, "exp": now + 300, "nonce": nonce,
            "preferred_username": "eve",
        });
        let mut at = |iat: i64, exp: i64| (claims["iat"], claims["exp"]) = (iat.into(), exp.into());
        match lie {
            Lie::YearsAgo => at(now - YEAR, now - YEAR + 300),
            Lie::YearsAhead => at(now + YEAR, now + YEAR + 300),
            Lie::Expired => at(now - 300, now - 120),
            Lie::SlowClock => at(now - 330, now - 30),
            Lie::OtherNonce => claims["nonce"] = "another".into(),
            Lie::NoNonce => claims["nonce"] = Value::Null,
            Lie::OtherAudience => claims["aud"] = "another".into(),
            Lie::FurtherAudience => claims["aud"] = json!(["oneiros", "another"]),
            Lie::OtherParty => claims["azp"] = "another".into(),
            Lie::OtherIssuer => claims["iss"] = "https://id.example.org".into(),
            Lie::NoSubject => claims["sub"] = "".into(),
            Lie::Unsigned => header = json!({ "alg": "none" }),
            Lie::SignedWithTheClientSecret => header = json!({ "alg": "HS256" }),
            Lie::NewKey => header["kid"] = "two".into(),
            _ => {}
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = match lie {
            Lie::Unsigned => Vec::new(),
            Lie::SignedWithTheClientSecret => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes()), signed.as_bytes()).as_ref().to_vec()
            }
            Lie::NewKey | Lie::SignedByAnother => sign(&self.other_key, &signed),
            _ => sign(&self.key, &signed),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn sign(key: &EcdsaKeyPair, text: &str) -> Vec<u8> {
    key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
}
