//! People with browsers and programs, for one test.

use std::net::IpAddr;

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header},
    response::Response,
};
use oneiros::features::accounts::{CSRF_COOKIE, Origin, SESSION_COOKIE};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::http::{
    engines::Behaviour,
    house::{Answer, House, request},
};

/// Nobody has to remember it.
pub const PASSWORD: &str = "a river under the old bridge";

/// Somebody's browser or program: what it keeps, and where it is.
#[derive(Clone)]
pub struct Caller<'a> {
    pub house: &'a House,
    pub origin: Origin,
    pub session: Option<String>,
    pub csrf: Option<String>,
    pub key: Option<String>,
    /// The page that asks, as the browser tells its origin; programs have none.
    pub page: Option<&'static str>,
}

impl<'a> Caller<'a> {
    /// A browser on this machine.
    pub fn new(house: &'a House) -> Self {
        Self { house, origin: Origin::Network([127, 0, 0, 1].into()), session: None, csrf: None, key: None, page: None }
    }

    pub fn at(&self, address: &str) -> Self {
        Self { origin: Origin::Network(address.parse::<IpAddr>().unwrap()), ..self.clone() }
    }

    /// The same on this page.
    pub fn on(&self, page: &'static str) -> Self {
        Self { page: Some(page), ..self.clone() }
    }

    pub fn with_key(house: &'a House, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::new(house) }
    }

    /// A request with all that this caller shows.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
        let mut request = request(method, path);
        let cookies: Vec<String> = [(SESSION_COOKIE, &self.session), (CSRF_COOKIE, &self.csrf)]
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
            .collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some((_, host)) = self.page.and_then(|page| page.split_once("://")) {
            request.headers_mut().expect("a request so far").insert(header::HOST, HeaderValue::from_static(host));
        }
        if let Some(page) = self.page {
            request = request.header(header::ORIGIN, page);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        request.extensions_mut().insert(self.origin);
        request
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.house.send(self.request(method, path, body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    /// The beginning of an answer whose body need not end.
    pub async fn open(&self, path: &str) -> Response {
        self.house.router.clone().oneshot(self.request("GET", path, None)).await.unwrap()
    }

    /// Comes through a door and keeps the cookies that the answer sets.
    pub async fn enter(&mut self, path: &str, body: &Value) -> Answer {
        let answer = self.post(path, body).await;
        let set = answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        for (name, value) in set.filter_map(|cookie| cookie.split(';').next()?.split_once('=')) {
            let value = Some(value.to_owned()).filter(|value| !value.is_empty());
            match name {
                SESSION_COOKIE => self.session = value,
                CSRF_COOKIE => self.csrf = value,
                other => panic!("a cookie that nobody knows: {other}"),
            }
        }
        answer
    }

    pub async fn log_in(&mut self, name: &str, password: &str) -> Answer {
        self.enter("/api/v1/session", &json!({ "name": name, "password": password })).await
    }

    /// What a stream of a reading has until it ends.
    pub async fn stream(&self, text: &str) -> Body {
        let mut request = self.request("POST", "/api/v1/dreams/interpret", Some(&json!({ "text": text })));
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let response = self.house.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }
}

impl House {
    /// A house whose language model does this.
    pub async fn that(behaviour: Behaviour) -> Self {
        Self::new(behaviour, &["en"]).await
    }

    pub fn setup_token(&self) -> String {
        std::fs::read_to_string(self.models_folder.path().join("setup-token")).expect("a token")
    }

    /// Sets the house up and returns the first admin's browser.
    pub async fn claimed(&self) -> Caller<'_> {
        let mut admin = Caller::new(self);
        let setup = json!({ "token": self.setup_token(), "name": "ada", "password": PASSWORD });
        let answer = admin.enter("/api/v1/setup", &setup).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        admin
    }

    /// Somebody with an account of this role: their browser and their id.
    pub async fn person(&self, admin: &Caller<'_>, name: &str, role: &str) -> (Caller<'_>, String) {
        let made = admin.post("/api/v1/users", &json!({ "name": name, "password": PASSWORD, "role": role })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let mut person = Caller::new(self);
        assert_eq!(person.log_in(name, PASSWORD).await.status, StatusCode::OK);
        (person, made.json().as_str().expect("an id").to_owned())
    }
}

/// Keeps a dream and returns its id.
pub async fn dream(caller: &Caller<'_>, text: &str) -> String {
    let answer = caller.post("/api/v1/dreams/interpret", &json!({ "text": text })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["dream"]["id"].as_str().expect("an id").to_owned()
}

/// Makes a key and returns it.
pub async fn key(caller: &Caller<'_>, scopes: &[&str]) -> (String, String) {
    let made = caller.post("/api/v1/account/keys", &json!({ "name": "a program", "scopes": scopes })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let text = |field: &str| made.json()[field].as_str().expect("text").to_owned();
    (text("key"), text("id"))
}
