//! An authenticator with its browser, in software: makes passkeys and shows them as WebAuthn (level 3) says.

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use super::people::{Caller, PASSWORD};
use crate::http::house::Answer;

/// Where this machine's browser finds the house.
pub const PAGE: &str = "http://localhost:8080";

const USER_PRESENT: u8 = 0b1;
const USER_VERIFIED: u8 = 0b100;
const HAS_CREDENTIAL: u8 = 0b100_0000;

/// How an authenticator and its browser behave.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Where the browser says that it is.
    pub page: &'static str,
    /// For whom the authenticator signs.
    pub party: &'static str,
    /// Whether the person showed themselves (a PIN, a finger).
    pub verified: bool,
}

/// As it should be.
pub const RIGHT: Manner = Manner { page: PAGE, party: "localhost", verified: true };

/// One passkey.
pub struct Device {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    /// Of its owner, as the server named them.
    pub handle: String,
    pub counter: u32,
}

impl Device {
    /// Makes a passkey as it is asked to; what the browser's `credential.toJSON()` gives comes with it.
    pub fn make(options: &Value, manner: Manner) -> (Self, Value) {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let handle = options["user"]["id"].as_str().expect("a handle").to_owned();
        let device = Self { id: digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec(), key, handle, counter: 0 };
        let client_data = client_data("webauthn.create", options, manner);
        let data = [device.head(HAS_CREDENTIAL, manner), device.credential()].concat();
        let made = json!({
            "id": BASE64.encode(&device.id), "rawId": BASE64.encode(&device.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": BASE64.encode(client_data), "attestationObject": BASE64.encode(attestation(&data)),
                "authenticatorData": BASE64.encode(&data), "publicKey": BASE64.encode(device.public_key()), "publicKeyAlgorithm": -7,
                "transports": ["internal", "one-of-the-future"],
            },
        });
        (device, made)
    }

    /// Shows it.
    pub fn show(&mut self, options: &Value, manner: Manner) -> Value {
        self.counter += 1;
        let client_data = client_data("webauthn.get", options, manner);
        let data = self.head(0, manner);
        let signed = [data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "authenticatorAttachment": null, "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(client_data), "authenticatorData": BASE64.encode(data),
                "signature": BASE64.encode(signature), "userHandle": self.handle,
            },
        })
    }

    /// The authenticator's data up to what it tells of a credential.
    fn head(&self, flags: u8, manner: Manner) -> Vec<u8> {
        let verified = if manner.verified { USER_VERIFIED } else { 0 };
        let flags = [flags | USER_PRESENT | verified];
        [digest(&SHA256, manner.party.as_bytes()).as_ref(), &flags, &self.counter.to_be_bytes()].concat()
    }

    /// What it tells of a credential: of no known model, its id, its key (COSE, RFC 9053: EC2, ES256, P-256).
    fn credential(&self) -> Vec<u8> {
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let point = self.key.public_key().as_ref().to_vec();
        let (x, y) = (&point[1..33], &point[33..65]);
        let key = [b"\xA5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat();
        [[0; 16].as_slice(), &length, &self.id, &key].concat()
    }

    fn public_key(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }
}

/// `{"fmt": "none", "attStmt": {}, "authData": …}` in CBOR.
fn attestation(data: &[u8]) -> Vec<u8> {
    let length = [u8::try_from(data.len()).expect("one byte of length")];
    [b"\xA3\x63fmt\x64none\x67attStmt\xA0\x68authData\x58".as_slice(), &length, data].concat()
}

fn client_data(kind: &str, options: &Value, manner: Manner) -> Vec<u8> {
    let (challenge, page) = (options["challenge"].as_str().expect("a challenge"), manner.page);
    // The last one is Chromium's, so that nobody compares the whole.
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{page}","crossOrigin":false,"other_keys_can_be_added_here":"…"}}"#)
        .into_bytes()
}

/// Begins a ceremony.
pub async fn challenge(caller: &Caller<'_>, path: &str) -> Value {
    let body = if path.starts_with("/api/v1/account") { Some(json!({ "password": PASSWORD })) } else { None };
    let begun = caller.call("POST", path, body.as_ref()).await;
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text);
    begun.json()
}

/// What a person asks for when their browser made a passkey.
pub async fn make(caller: &Caller<'_>, name: &str, manner: Manner) -> (Device, Answer) {
    let begun = challenge(caller, "/api/v1/account/passkeys/challenge").await;
    let (device, credential) = Device::make(&begun["options"], manner);
    let asked = json!({ "ceremony": begun["ceremony"], "name": name, "credential": credential });
    (device, caller.post("/api/v1/account/passkeys", &asked).await)
}

/// Makes a passkey that is kept.
pub async fn passkey(caller: &Caller<'_>, name: &str) -> (Device, Value) {
    let (device, answer) = make(caller, name, RIGHT).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    (device, answer.json())
}

/// What a browser sends to log in.
pub async fn shown(caller: &Caller<'_>, device: &mut Device, manner: Manner) -> Value {
    let begun = challenge(caller, "/api/v1/session/passkey/challenge").await;
    json!({ "ceremony": begun["ceremony"], "credential": device.show(&begun["options"], manner) })
}
