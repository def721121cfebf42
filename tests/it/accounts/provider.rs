//! Log-in through a provider of identities: a real one, and one that lies.

mod issuers;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use oneiros::{
    config::ProviderConfig,
    egress::{Egress, EgressPolicy, LogSink, Purpose},
    features::accounts::{CSRF_COOKIE, PROVIDER_COOKIE, Provider, SESSION_COOKIE},
};
use reqwest::Url;
use serde_json::{Value, json};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use self::issuers::{CLIENT_SECRET, Fake, Lie, Real};
use super::people::{Caller, PASSWORD};
use crate::{
    http::house::{Answer, House, request},
    support::command_line::run,
};

const PAGE: &str = "http://localhost:8080";
const BACK: &str = "http://localhost:8080/api/v1/session/provider/callback";

/// What this server has of the provider.
fn provider(issuer: &str, registration: bool) -> Provider {
    let policy = EgressPolicy::default().allow(Purpose::Provider, issuer).unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), CLIENT_SECRET).unwrap();
    let config = ProviderConfig {
        issuer: issuer.into(),
        client_id: "oneiros".into(),
        client_secret_file: Some(secret.path().into()),
        name: "The house's provider".into(),
        registration,
        origins: vec![issuer.into()],
    };
    Provider::new(&config, Arc::new(Egress::new(policy, Arc::new(LogSink)))).unwrap()
}

/// A browser with the cookies that a way through the provider needs.
struct Browser<'a> {
    caller: Caller<'a>,
    at_the_provider: BTreeMap<String, String>,
    departed: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(house: &'a House) -> Self {
        Self::of(&Caller::new(house))
    }

    fn of(caller: &Caller<'a>) -> Self {
        Self { caller: caller.on(PAGE), at_the_provider: BTreeMap::new(), departed: None }
    }

    /// Begins a log-in and returns where the browser goes.
    async fn depart(&mut self) -> String {
        let answer = self.caller.call("POST", "/api/v1/session/provider", None).await;
        self.keep_departure(&answer)
    }

    /// Begins to link the person's account.
    async fn depart_to_link(&mut self) -> String {
        let answer = self.caller.post("/api/v1/account/identities", &json!({ "password": PASSWORD })).await;
        self.keep_departure(&answer)
    }

    fn keep_departure(&mut self, answer: &Answer) -> String {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        for wanted in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
            assert!(cookie.contains(wanted), "{cookie}");
        }
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        assert_eq!(name, PROVIDER_COOKIE);
        self.departed = Some(value.to_owned());
        answer.json()["address"].as_str().unwrap().to_owned()
    }

    /// Goes through the provider as somebody; returns the path by which it sends the browser back.
    async fn visit(&mut self, address: &str, who: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut next = Url::parse_with_params(address, [("login_hint", who)]).unwrap();
        for _ in 0..8 {
            let cookies: Vec<String> = self.at_the_provider.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = client.get(next.clone()).header("cookie", cookies.join("; ")).send().await.unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                if let Some((name, value)) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=') {
                    self.at_the_provider.remove(name);
                    if !value.is_empty() {
                        self.at_the_provider.insert(name.to_owned(), value.to_owned());
                    }
                }
            }
            let location = answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
            let Some(location) = location else { panic!("{} {}", answer.status(), answer.text().await.unwrap()) };
            next = next.join(&location).unwrap();
            if next.as_str().starts_with(BACK) {
                return next.as_str().strip_prefix(PAGE).unwrap().to_owned();
            }
        }
        panic!("the provider sends round and round");
    }

    /// Comes back. As of another site's page, the browser shows nothing but the cookie that may come from there.
    async fn arrive(&mut self, path: &str) -> String {
        let mut asked = request("GET", path).header("sec-fetch-site", "cross-site");
        if let Some(departed) = &self.departed {
            asked = asked.header(header::COOKIE, format!("{PROVIDER_COOKIE}={departed}"));
        }
        let mut asked = asked.body(Body::empty()).unwrap();
        asked.extensions_mut().insert(self.caller.origin);
        let answer = self.caller.house.send(asked).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let set: BTreeMap<&str, &str> = answer
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().split_once('='))
            .collect();
        assert_eq!(set[PROVIDER_COOKIE], "", "it is good once");
        let page = answer.headers[header::LOCATION].to_str().unwrap().to_owned();
        assert_eq!(page == "/", set.contains_key(SESSION_COOKIE), "{page}: {set:?}");
        if page == "/" {
            self.caller.session = Some(set[SESSION_COOKIE].to_owned());
            self.caller.csrf = Some(set[CSRF_COOKIE].to_owned());
        }
        page
    }

    /// The whole way.
    async fn log_in(&mut self, who: &str) -> String {
        let address = self.depart().await;
        let back = self.visit(&address, who).await;
        self.arrive(&back).await
    }

    async fn account(&self) -> Value {
        self.caller.get("/api/v1/account").await.json()
    }
}

/// How often the audit tells of this action at this door.
async fn told(admin: &Caller<'_>, action: &str) -> usize {
    let page = admin.get(&format!("/api/v1/audit?limit=100&action={action}")).await.json();
    page["entries"].as_array().unwrap().iter().filter(|entry| action != "login-refused" || entry["detail"]["door"] == "provider").count()
}

#[tokio::test]
async fn whoever_the_provider_vouches_for_has_an_account_and_is_the_same_the_next_time() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, true)).await;
    let admin = house.claimed().await;
    assert_eq!(Caller::new(&house).get("/api/v1/session").await.json()["provider"], "The house's provider");
    let mut bea = Browser::new(&house);
    assert_eq!(bea.log_in("bea").await, "/");
    let account = bea.account().await;
    assert_eq!((account["name"].as_str(), account["role"].as_str()), (Some("bea"), Some("user")), "{account}");
    assert_eq!((account["email"].as_str(), account["has_password"].as_bool()), (Some("bea@example.org"), Some(false)));
    assert_eq!(bea.caller.get("/api/v1/account/sessions").await.json()[0]["came_by"], "provider");
    let identities = bea.caller.get("/api/v1/account/identities").await.json();
    assert_eq!((identities[0]["issuer"].as_str(), identities[0]["label"].as_str()), (Some(real.issuer.as_str()), Some("bea")));
    let mut again = Browser::new(&house);
    assert_eq!(again.log_in("bea").await, "/");
    assert_eq!(again.account().await["id"], account["id"]);
    let mut unseen = Browser::new(&house);
    assert_eq!(unseen.log_in("unseen").await, "/");
    assert!(unseen.account().await["email"].is_null(), "nobody saw it read");
    assert_eq!(told(&admin, "registered").await, 2);
    let only = format!("/api/v1/account/identities/{}/removal", identities[0]["id"].as_str().unwrap());
    let removed = bea.caller.post(&only, &json!({})).await;
    assert_eq!(removed.status, StatusCode::CONFLICT, "{}", removed.text);
    assert_eq!(again.caller.get("/api/v1/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_taken_for_another_by_name_or_address() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, true)).await;
    let admin = house.claimed().await;
    let address = json!({ "email": "carl@example.org" });
    assert_eq!(admin.call("PATCH", "/api/v1/account", Some(&address)).await.status, StatusCode::OK);
    let (mut ada, mut carl) = (Browser::new(&house), Browser::new(&house));
    assert_eq!(ada.log_in("ada").await, "/");
    let account = ada.account().await;
    assert_eq!((account["name"].as_str(), account["role"].as_str()), (Some("ada-2"), Some("user")), "{account}");
    assert_eq!(carl.log_in("carl").await, "/");
    let account = carl.account().await;
    assert_eq!((account["name"].as_str(), account["role"].as_str()), (Some("carl"), Some("user")), "{account}");
    assert!(account["email"].is_null(), "it is the admin's: {account}");
}

#[tokio::test]
async fn who_is_unknown_stays_out_where_accounts_come_from_admins() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, false)).await;
    let before = Browser::new(&house).caller.call("POST", "/api/v1/session/provider", None).await;
    assert_eq!(before.status, StatusCode::CONFLICT, "nobody is let in before set-up: {}", before.text);
    let admin = house.claimed().await;
    assert_eq!(Browser::new(&house).log_in("bea").await, "/login?provider=unknown");
    assert_eq!(admin.get("/api/v1/users").await.json()["users"].as_array().unwrap().len(), 1);
    assert_eq!(told(&admin, "login-refused").await, 1);
    assert_eq!(Browser::new(&house).log_in("nobody").await, "/login?provider=refused", "the provider said no");
}

#[tokio::test]
async fn a_person_links_their_account_and_unlinks_it() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, false)).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let (other, _) = house.person(&admin, "other", "user").await;
    let mut linking = Browser::of(&person);
    let wrong = linking.caller.post("/api/v1/account/identities", &json!({ "password": "not the password" })).await;
    assert_eq!((wrong.status, wrong.json()["type"].as_str()), (StatusCode::FORBIDDEN, Some("/problems/wrong-password")));
    let address = linking.depart_to_link().await;
    let back = linking.visit(&address, "carl").await;
    assert_eq!(linking.arrive(&back).await, "/account?provider=linked");
    let mut carl = Browser::new(&house);
    assert_eq!(carl.log_in("carl").await, "/");
    assert_eq!(carl.account().await["id"], id.as_str());
    let mut thief = Browser::of(&other);
    let address = thief.depart_to_link().await;
    let back = thief.visit(&address, "carl").await;
    assert_eq!(thief.arrive(&back).await, "/account?provider=taken");
    let mut late = Browser::of(&other);
    let address = late.depart_to_link().await;
    let back = late.visit(&address, "dora").await;
    other.call("DELETE", "/api/v1/session", None).await;
    assert_eq!(late.arrive(&back).await, "/account?provider=failed", "logged out meanwhile");
    let identities = person.get("/api/v1/account/identities").await.json();
    let removal = format!("/api/v1/account/identities/{}/removal", identities[0]["id"].as_str().unwrap());
    assert_eq!(person.post(&removal, &json!({ "password": PASSWORD })).await.status, StatusCode::NO_CONTENT);
    assert_eq!(person.post(&removal, &json!({ "password": PASSWORD })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(Browser::new(&house).log_in("carl").await, "/login?provider=unknown");
    assert_eq!((told(&admin, "identity-added").await, told(&admin, "identity-removed").await), (1, 1));
}

#[tokio::test]
async fn a_state_is_good_once_in_the_browser_that_departed_and_not_for_long() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, true)).await;
    let admin = house.claimed().await;
    let (mut own, mut foreign) = (Browser::new(&house), Browser::new(&house));
    let address = own.depart().await;
    let back = own.visit(&address, "bea").await;
    foreign.depart().await;
    assert_eq!(foreign.arrive(&back).await, "/login?provider=expired", "another browser's");
    assert_eq!(own.arrive(&back).await, "/login?provider=expired", "that was its one time");

    let address = own.depart().await;
    let back = own.visit(&address, "bea").await;
    let cookie = own.departed.take();
    assert_eq!(own.arrive(&back).await, "/login?provider=expired", "no cookie");
    own.departed = cookie;

    let address = own.depart().await;
    let back = own.visit(&address, "bea").await;
    assert_eq!(own.arrive(&back).await, "/");
    assert_eq!(own.arrive(&back).await, "/login?provider=expired", "a replay");

    let address = own.depart().await;
    let back = own.visit(&address, "bea").await;
    let past = "UPDATE ceremonies SET expires_at = now() - interval '1 second'";
    sqlx::query(past).execute(&house.database.as_ref().unwrap().owner_pool).await.unwrap();
    assert_eq!(own.arrive(&back).await, "/login?provider=expired", "too late");

    for forged in ["?code=x&state=forged", "?code=x", "", "?state=forged&error=access_denied"] {
        assert_eq!(own.arrive(&format!("/api/v1/session/provider/callback{forged}")).await, "/login?provider=expired", "{forged}");
    }
    assert_eq!(told(&admin, "login-refused").await, 8, "all but the one without a cookie, which anybody's page can send");
}

#[tokio::test]
async fn forged_states_cost_tries_of_the_door() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, true)).await;
    house.claimed().await;
    let mut guesser = Browser::of(&Caller::new(&house).at("192.0.2.7"));
    guesser.departed = Some("made up".into());
    for _ in 0..20 {
        assert_eq!(guesser.arrive("/api/v1/session/provider/callback?code=x&state=forged").await, "/login?provider=expired");
    }
    assert_eq!(guesser.log_in("bea").await, "/login?provider=failed", "no tries are left");
    assert_eq!(Browser::of(&Caller::new(&house).at("192.0.2.8")).log_in("bea").await, "/");
    let mut picture = Browser::of(&Caller::new(&house).at("192.0.2.10"));
    for _ in 0..25 {
        assert_eq!(picture.arrive("/api/v1/session/provider/callback?code=x&state=forged").await, "/login?provider=expired");
    }
    assert_eq!(picture.log_in("bea").await, "/", "what another site's page makes a browser fetch costs nothing");
    let mut often = Browser::of(&Caller::new(&house).at("192.0.2.9"));
    for _ in 0..25 {
        assert_eq!(often.log_in("bea").await, "/", "coming in costs no try");
    }
}

#[tokio::test]
async fn the_suspended_stay_out() {
    let real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, true)).await;
    let admin = house.claimed().await;
    let mut bea = Browser::new(&house);
    assert_eq!(bea.log_in("bea").await, "/");
    let path = format!("/api/v1/users/{}", bea.account().await["id"].as_str().unwrap());
    assert_eq!(admin.call("PATCH", &path, Some(&json!({ "suspended": true }))).await.status, StatusCode::OK);
    assert_eq!(bea.log_in("bea").await, "/login?provider=refused");
    assert_eq!(told(&admin, "login-refused").await, 1);
}

#[tokio::test]
async fn while_the_provider_is_away_people_are_told_and_come_in_another_way() {
    let mut real = Real::start(BACK).await;
    let house = House::with_provider(provider(&real.issuer, true)).await;
    house.claimed().await;
    let mut bea = Browser::new(&house);
    let address = bea.depart().await;
    let back = bea.visit(&address, "bea").await;
    real.stop().await;
    assert_eq!(bea.arrive(&back).await, "/login?provider=failed");
    // One that knows nothing of it yet.
    let other = House::with_provider(provider(&real.issuer, true)).await;
    other.claimed().await;
    let answer = Browser::new(&other).caller.call("POST", "/api/v1/session/provider", None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
    assert!(answer.json()["detail"].as_str().unwrap().contains("another way") && !answer.text.contains("127.0.0.1"), "{}", answer.text);
    assert_eq!(Caller::new(&other).log_in("ada", PASSWORD).await.status, StatusCode::OK);
}

/// The provider's answer to one log-in.
async fn tried(fake: &Fake, house: &House, lie: Lie) -> String {
    fake.tell(lie);
    let mut browser = Browser::new(house);
    let address = Url::parse(&browser.depart().await).unwrap();
    let asked: BTreeMap<String, String> = address.query_pairs().into_owned().collect();
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!((asked["redirect_uri"].as_str(), asked["client_id"].as_str()), (BACK, "oneiros"));
    fake.is_asked(&asked["nonce"], &asked["code_challenge"]);
    browser.arrive(&format!("/api/v1/session/provider/callback?code=canary-code&state={}", asked["state"])).await
}

#[tokio::test]
async fn a_token_that_is_not_right_lets_nobody_in() {
    let fake = Fake::start().await;
    let house = House::with_provider(provider(&fake.issuer, true)).await;
    let admin = house.claimed().await;
    assert_eq!(tried(&fake, &house, Lie::None).await, "/");
    let lies = [
        Lie::OtherNonce,
        Lie::NoNonce,
        Lie::OtherAudience,
        Lie::FurtherAudience,
        Lie::OtherParty,
        Lie::OtherIssuer,
        Lie::Unsigned,
        Lie::SignedWithTheClientSecret,
        Lie::SignedByAnother,
        Lie::YearsAgo,
        Lie::YearsAhead,
        Lie::Expired,
        Lie::NoToken,
        Lie::NoSubject,
    ];
    for lie in lies {
        assert_eq!(tried(&fake, &house, lie).await, "/login?provider=failed", "{lie:?}");
        // One person's tries from one place are few, and these are many.
        sqlx::query("DELETE FROM limit_counts").execute(&house.database.as_ref().unwrap().owner_pool).await.unwrap();
    }
    assert!(told(&admin, "login-refused").await >= lies.len() - 1);
    assert_eq!(admin.get("/api/v1/users").await.json()["users"].as_array().unwrap().len(), 2, "the admin and who came in first");
    assert_eq!(tried(&fake, &house, Lie::NewKey).await, "/", "its keys are asked for again");
    assert_eq!(tried(&fake, &house, Lie::SlowClock).await, "/", "clocks differ a little");
}

#[tokio::test]
async fn the_log_tells_of_clocks_and_hosts_and_never_what_opens_something() {
    let log = Log::default();
    let filter = EnvFilter::new("warn,oneiros=trace,egress=trace");
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter).with_writer(log.clone()).finish();
    // While there is but one subscriber, tracing asks each thread's own what it wants of a line, and other tests' threads have none:
    // what they reach first would be silent here, too.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _capturing = tracing::subscriber::set_default(subscriber);
    let fake = Fake::start().await;
    let house = House::with_provider(provider(&fake.issuer, true)).await;
    house.claimed().await;
    assert_eq!(tried(&fake, &house, Lie::None).await, "/");
    assert_eq!(tried(&fake, &house, Lie::Declines).await, "/login?provider=failed");
    assert_eq!(tried(&fake, &house, Lie::YearsAgo).await, "/login?provider=failed");
    let text = log.text();
    assert!(text.contains("/api/v1/session/provider/callback") && text.contains("provider"), "requests are told: {text}");
    assert!(text.contains("clock") && text.contains("may be wrong"), "{text}");
    for secret in fake.secrets() {
        assert!(!text.contains(&secret), "`{secret}` is told: {text}");
    }
    assert!(!text.contains("canary"), "{text}");

    let astray = Fake::start().await;
    astray.tell(Lie::KeysElsewhere);
    let house = House::with_provider(provider(&astray.issuer, true)).await;
    house.claimed().await;
    let answer = Browser::new(&house).caller.call("POST", "/api/v1/session/provider", None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
    let text = log.text();
    assert!(text.contains("https://keys.example.org") && text.contains("`hosts` of [provider]"), "{text}");
}

#[tokio::test]
async fn a_house_without_a_provider_has_none_and_a_program_has_no_page_to_come_back_to() {
    let house = House::that(crate::http::engines::Behaviour::Reads).await;
    let admin = house.claimed().await;
    assert!(admin.get("/api/v1/session").await.json()["provider"].is_null());
    assert_eq!(Browser::new(&house).caller.call("POST", "/api/v1/session/provider", None).await.status, StatusCode::NOT_FOUND);
    let fake = Fake::start().await;
    let house = House::with_provider(provider(&fake.issuer, true)).await;
    house.claimed().await;
    assert_eq!(Caller::new(&house).call("POST", "/api/v1/session/provider", None).await.status, StatusCode::BAD_REQUEST);
    let mut elsewhere = request("POST", "/api/v1/session/provider").header(header::ORIGIN, "https://evil.example");
    elsewhere = elsewhere.header("sec-fetch-site", "cross-site");
    assert_eq!(house.send(elsewhere.body(Body::empty()).unwrap()).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_sealed_server_and_one_without_the_whole_section_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let serve = async |more: &[&str]| run(state.path(), ["serve", "--listen", "127.0.0.1:0"].iter().chain(more)).await;
    let whole = ["--provider-issuer", "https://id.example.org", "--provider-client-id", "oneiros"];
    serve(&[&whole[..], &["--sealed"]].concat()).await.refused("take [provider] away");
    serve(&whole[..2]).await.refused("client_id");
    serve(&["--provider-client-id", "oneiros"]).await.refused("issuer");
    serve(&["--provider-issuer", "http://id.example.org", "--provider-client-id", "oneiros"]).await.refused("https://");
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
