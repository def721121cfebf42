//! Passkeys as browsers and authenticators know them (WebAuthn, level 3): what is asked, and whether what is shown is right.
//!
//! The crate webauthn_rp reads and verifies; here it is said what must hold. It knows no database and no person's name but the
//! one that it is given. docs/decisions/0014-passkeys.md says why it is this crate.

use std::slice;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use uuid::Uuid;
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication16, DiscoverableAuthenticationServerState, DiscoverableCredentialRequestOptions,
    PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
    bin::{Decode, Encode},
    request::{
        AsciiDomain, ExtensionInfo, PublicKeyCredentialDescriptor, RpId,
        auth::AuthenticationVerificationOptions,
        register::{CredProtect, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle16, Username},
    },
    response::{
        AuthTransports, CredentialId,
        register::{CompressedPubKey, DynamicState, StaticState},
    },
};

use super::UserId;
use crate::error::{Error, Result};

/// As what every browser takes this machine, whatever else it is called.
const THIS_MACHINE: &str = "localhost";

type KeptKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// Where passkeys hold: the name in a page's address (the "relying party"), and the page itself.
#[derive(Debug)]
pub struct Party {
    page: String,
    id: RpId,
}

/// A ceremony's beginning: what is kept of it, and what the browser is asked.
#[derive(Debug)]
pub struct Asked {
    pub state: Vec<u8>,
    pub options: Value,
}

/// A passkey's public part, as it is kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// The authenticator's own name of it.
    pub credential_id: Vec<u8>,
    pub fixed_state: Vec<u8>,
    pub moving_state: Vec<u8>,
}

/// A passkey that a browser shows: not verified yet.
#[derive(Debug)]
pub struct Shown(DiscoverableAuthentication16);

impl Party {
    /// The party of a page, if passkeys can hold there: an address in numbers is no name to a browser.
    pub fn of(page: Option<&str>, host_name: Option<&str>) -> Result<Self> {
        let page = page.ok_or_else(|| Error::Conflict("passkeys are for browsers: this request tells no Origin".into()))?;
        let address = Address::of(page).ok_or_else(|| Error::Conflict("passkeys need a page of this server".into()))?;
        if address.host != THIS_MACHINE && Some(address.host) != host_name {
            return Err(Error::Conflict(address.advice(host_name)));
        }
        let id = AsciiDomain::try_from(address.host.to_owned()).map_err(|error| Error::Internal(error.into()))?;
        Ok(Self { page: page.to_owned(), id: RpId::Domain(id) })
    }

    /// Asks for a new passkey of this person. An authenticator that has one of the `known` makes no other.
    pub fn ask_for_new(&self, user: UserId, name: &str, known: Vec<Vec<u8>>) -> anyhow::Result<Asked> {
        let handle = handle(user);
        let id = user.0.to_string();
        // A name that RFC 8265 knows better about: the authenticator then shows the display name alone.
        let entity = PublicKeyCredentialUserEntity {
            name: Username::try_from(name).or_else(|_| Username::try_from(id.as_str()))?,
            id: &handle,
            display_name: Nickname::try_from(name).ok(),
        };
        // By which wires is not kept: then browsers ask all.
        let transports = AuthTransports::decode(0)?;
        let known =
            known.into_iter().filter_map(|id| Some(PublicKeyCredentialDescriptor { id: CredentialId::decode(id).ok()?, transports }));
        let mut options = PublicKeyCredentialCreationOptions::passkey(&self.id, entity, known.collect());
        // Verified here at each log-in; an authenticator that cannot promise it by itself is as welcome.
        options.extensions.cred_protect = CredProtect::UserVerificationRequired(ExtensionInfo::AllowDontEnforceValue);
        let (state, options) = options.start_ceremony()?;
        Ok(Asked { state: state.encode()?, options: serde_json::to_value(options)? })
    }

    /// What is to be kept of a passkey that was made for this person.
    pub fn made(&self, state: &[u8], user: UserId, mut credential: Value) -> anyhow::Result<Kept> {
        // The rest is read off these two for pages, or hints: what is not known here yet must keep no passkey out.
        if let Some(response) = credential.get_mut("response").and_then(Value::as_object_mut) {
            response.retain(|field, _| matches!(field.as_str(), "clientDataJSON" | "attestationObject"));
        }
        let registration = Registration::from_json_relaxed(credential.to_string().as_bytes())?;
        let options = RegistrationVerificationOptions::<String, &str> {
            allowed_origins: slice::from_ref(&self.page),
            // Browsers add some of their own.
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        let made = RegistrationServerState::<16>::decode(state)?.verify(&self.id, &registration, &options)?;
        ensure!(*made.user_id() == handle(user), "it was made for somebody else");
        let Ok(fixed_state) = made.static_state().encode();
        let Ok(moving_state) = made.dynamic_state().encode();
        Ok(Kept { credential_id: made.id().as_ref().to_vec(), fixed_state, moving_state: moving_state.to_vec() })
    }

    /// Asks for a passkey of whomever it may be.
    pub fn ask(&self) -> anyhow::Result<Asked> {
        let (state, options) = DiscoverableCredentialRequestOptions::passkey(&self.id).start_ceremony()?;
        Ok(Asked { state: state.encode()?, options: serde_json::to_value(options)? })
    }

    /// Verifies what is shown against the person's passkey that was kept; returns its moving state from now on.
    ///
    /// `kept` must be the one of [`Shown::credential_id`] and of [`Shown::user`].
    pub fn verify(&self, state: &[u8], shown: &Shown, kept: &Kept) -> anyhow::Result<Vec<u8>> {
        ensure!(shown.credential_id() == kept.credential_id, "it is another passkey");
        let moving_state = kept.moving_state.as_slice().try_into().context("the moving state has another length")?;
        let mut credential = AuthenticatedCredential::new(
            shown.0.raw_id(),
            shown.0.response().user_handle(),
            StaticState::<KeptKey>::decode(&kept.fixed_state)?,
            DynamicState::decode(moving_state)?,
        )?;
        let options = AuthenticationVerificationOptions::<String, &str> {
            allowed_origins: slice::from_ref(&self.page),
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        DiscoverableAuthenticationServerState::decode(state)?.verify(&self.id, &shown.0, &mut credential, &options)?;
        let Ok(moving_state) = credential.dynamic_state().encode();
        Ok(moving_state.to_vec())
    }
}

impl Shown {
    /// Reads a browser's `credential.toJSON()`.
    pub fn read(credential: &Value) -> anyhow::Result<Self> {
        // The crate reads one without, and then panics when it is asked whose it is.
        ensure!(credential["response"]["userHandle"].is_string(), "it says not whose it is");
        Ok(Self(DiscoverableAuthentication16::from_json_relaxed(credential.to_string().as_bytes())?))
    }

    pub fn credential_id(&self) -> &[u8] {
        self.0.raw_id().into_inner()
    }

    /// Whose it says that it is.
    pub fn user(&self) -> UserId {
        let Ok(bytes) = self.0.response().user_handle().encode();
        UserId(Uuid::from_bytes(bytes))
    }
}

/// A person as authenticators know them: the bytes of their id, which tell nothing of them.
fn handle(user: UserId) -> UserHandle16 {
    let Ok(handle) = UserHandle16::decode(user.0.into_bytes());
    handle
}

/// The parts of an origin.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    scheme: &'a str,
    host: &'a str,
    /// With its colon; empty where it is the scheme's own.
    port: &'a str,
}

impl<'a> Address<'a> {
    fn of(origin: &'a str) -> Option<Self> {
        let (scheme, place) = origin.split_once("://")?;
        let end = match place.strip_prefix('[') {
            Some(inside) => inside.find(']')? + 2,
            None => place.find(':').unwrap_or(place.len()),
        };
        let (host, port) = place.split_at(end);
        (!host.is_empty()).then_some(Self { scheme, host, port })
    }

    /// Where passkeys would hold.
    fn advice(&self, host_name: Option<&str>) -> String {
        let is_this_machine = matches!(self.host, "127.0.0.1" | "[::1]");
        match host_name.or(is_this_machine.then_some(THIS_MACHINE)) {
            Some(name) => {
                format!("passkeys need a name, which this page's address is not: open it as {}://{name}{}", self.scheme, self.port)
            }
            None => "passkeys need a name, and this appliance has none: an admin gives it one in the settings (host name), by which \
                its pages are then opened"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(page: Option<&str>, host_name: Option<&str>) -> String {
        Party::of(page, host_name).unwrap_err().to_string()
    }

    #[test]
    fn an_origin_has_three_parts() {
        let parts = |origin| Address::of(origin).map(|address| (address.scheme, address.host, address.port));
        assert_eq!(parts("https://dreams.home.arpa:8420"), Some(("https", "dreams.home.arpa", ":8420")));
        assert_eq!(parts("https://dreams.home.arpa"), Some(("https", "dreams.home.arpa", "")));
        assert_eq!(parts("http://[::1]:8080"), Some(("http", "[::1]", ":8080")));
        assert_eq!(parts("https://[fd00::5]"), Some(("https", "[fd00::5]", "")));
        for wrong in ["null", "", "https://", "https://[::1", "https://:80"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn passkeys_hold_where_a_page_has_the_appliances_name() {
        let party = Party::of(Some("https://dreams.home.arpa:8420"), Some("dreams.home.arpa")).unwrap();
        assert_eq!((party.page.as_str(), party.id.as_ref()), ("https://dreams.home.arpa:8420", "dreams.home.arpa"));
        assert_eq!(Party::of(Some("http://localhost:8080"), None).unwrap().id.as_ref(), "localhost");
        assert!(refusal(Some("https://192.168.1.5:8420"), Some("dreams.home.arpa")).ends_with("open it as https://dreams.home.arpa:8420"));
        assert!(refusal(Some("http://127.0.0.1:8080"), None).ends_with("open it as http://localhost:8080"));
        assert!(refusal(Some("https://[fd00::5]"), None).contains("an admin gives it one"));
        assert!(refusal(Some("https://box.local"), Some("dreams.home.arpa")).ends_with("open it as https://dreams.home.arpa"));
        assert!(refusal(None, None).contains("browsers"));
        assert!(Party::of(Some("null"), None).is_err());
    }

    #[test]
    fn what_a_browser_is_asked_to_make_is_its_own_json() {
        let party = Party::of(Some("http://localhost:8080"), None).unwrap();
        let options = party.ask_for_new(UserId::LOCAL, "ada", vec![vec![7; 16], vec![0; 3]]).unwrap().options;
        assert_eq!(options["rp"], serde_json::json!({ "name": "localhost", "id": "localhost" }));
        assert_eq!(options["user"], serde_json::json!({ "name": "ada", "id": "AAAAAAAAAAAAAAAAAAAAAQ", "displayName": "ada" }));
        assert_eq!((options["attestation"].as_str(), options["timeout"].as_u64()), (Some("none"), Some(300_000)));
        assert_eq!(
            options["authenticatorSelection"],
            serde_json::json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "required" })
        );
        let known = options["excludeCredentials"].as_array().unwrap();
        assert_eq!((known.len(), known[0]["id"].as_str()), (1, Some("BwcHBwcHBwcHBwcHBwcHBw")));
        assert!(options["challenge"].as_str().unwrap().len() == 22 && options["extensions"]["enforceCredentialProtectionPolicy"] == false);
    }

    #[test]
    fn whoever_logs_in_is_not_named() {
        let options = Party::of(Some("http://localhost:8080"), None).unwrap().ask().unwrap().options;
        assert_eq!((&options["rpId"], &options["userVerification"]), (&"localhost".into(), &"required".into()));
        assert_eq!(options["allowCredentials"], serde_json::json!([]));
    }

    #[test]
    fn names_of_every_alphabet_are_shown_by_authenticators() {
        let party = Party::of(Some("http://localhost:8080"), None).unwrap();
        for name in ["Мария", "نور", "שלום1", "李小龍", "a.b-c_d", "1نور"] {
            let options = party.ask_for_new(UserId(Uuid::from_u128(7)), name, Vec::new()).unwrap().options;
            assert_eq!(options["user"]["displayName"], name);
        }
    }

    #[test]
    fn what_is_no_passkey_is_not_read() {
        for wrong in [serde_json::json!({}), serde_json::json!("x"), serde_json::json!({ "id": "AAAA", "response": {} })] {
            assert!(Shown::read(&wrong).is_err(), "{wrong}");
            let party = Party::of(Some("http://localhost:8080"), None).unwrap();
            let asked = party.ask_for_new(UserId::LOCAL, "ada", Vec::new()).unwrap();
            assert!(party.made(&asked.state, UserId::LOCAL, wrong).is_err());
        }
    }
}
