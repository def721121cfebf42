//! Who may do what. An operation says in the API document what it asks for (`security`); what is said there is what is
//! enforced, and an operation that says nothing is closed to everybody.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    error::{Error, Result},
    features::accounts::{self, AccountService, Credential, Principal, Scope, Visitor, csrf_token},
};

/// Pages that come with the server and tell nothing of anybody.
const OPEN_PAGES: [&str; 4] = ["/openapi.json", "/reference", "/reference.css", "/authority.pem"];

/// What somebody may do who lacks the second factor that they must have: set one up, change their password, leave. No more: whoever
/// has the password alone may be anybody.
const BEFORE_SECOND_FACTOR: [&str; 7] = [
    "/api/v1/session",
    "/api/v1/account/second-factor",
    "/api/v1/account/authenticator",
    "/api/v1/account/authenticator/confirmation",
    "/api/v1/account/passkeys",
    "/api/v1/account/passkeys/challenge",
    "/api/v1/account/password",
];

/// What an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: log-in, health.
    Open,
    Needs {
        scope: Scope,
        /// A key that has the scope is enough; else it must be the person.
        by_key: bool,
    },
}

/// What every operation asks for, by method and path.
#[derive(Debug, Default)]
pub struct Rules(HashMap<String, Vec<(String, Option<Rule>)>>);

/// What is known of a request's method and path.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Rule(Rule),
    /// The path has operations, but not by this method; these are theirs.
    OtherMethods(String),
    /// Nobody may: the document says nothing of it.
    Nothing,
}

impl Rules {
    /// Reads them off the API document.
    pub fn of(document: &Value) -> Self {
        let operations = |operations: &Value| {
            let operations = operations.as_object().into_iter().flatten();
            operations.map(|(method, operation)| (method.to_ascii_uppercase(), rule(&operation["security"]))).collect()
        };
        let paths = document["paths"].as_object().into_iter().flatten();
        Self(paths.map(|(path, item)| (path.clone(), operations(item))).collect())
    }

    fn find(&self, method: &Method, path: &str) -> Found {
        if OPEN_PAGES.contains(&path) {
            return Found::Rule(Rule::Open);
        }
        let Some(operations) = self.0.get(path) else { return Found::Nothing };
        // A page's head is asked for as the page is.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        match operations.iter().find(|(other, _)| other == method.as_str()) {
            Some((_, Some(rule))) => Found::Rule(*rule),
            Some((_, None)) => Found::Nothing,
            None => Found::OtherMethods(operations.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// One requirement without a scheme is open; every other names one scope, the same for each scheme.
fn rule(security: &Value) -> Option<Rule> {
    let requirements = security.as_array()?;
    let first = requirements.first()?.as_object()?;
    let Some((_, scopes)) = first.iter().next() else { return Some(Rule::Open) };
    let scope = scopes.as_array().filter(|scopes| scopes.len() == 1)?.first()?.as_str()?;
    let by_key = requirements.iter().any(|requirement| requirement.get("key").is_some());
    Scope::named(scope).map(|scope| Rule::Needs { scope, by_key })
}

/// Who is asked about visitors.
#[derive(Clone)]
pub enum Doorkeeper {
    Accounts(Arc<AccountService>),
    /// The database is not open yet. Before the first set-up whoever sits at the machine may follow how the appliance comes up;
    /// after it nobody is known until the database is.
    ComingUp {
        claimed: bool,
    },
}

impl Doorkeeper {
    /// The name that an admin gave the appliance.
    pub fn host_name(&self) -> Option<String> {
        match self {
            Self::Accounts(service) => service.standing().host_name,
            Self::ComingUp { .. } => None,
        }
    }
}

/// What guards every operation.
#[derive(Clone)]
pub struct Access {
    pub rules: Arc<Rules>,
    pub doorkeeper: Doorkeeper,
}

/// Lets a request through to its operation with the [`Principal`] that it is served for, or refuses it.
pub async fn guard(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    // What is no operation is the web app's or nothing's.
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else { return next.run(request).await };
    let wanted = match access.rules.find(request.method(), &path) {
        Found::Rule(Rule::Open) => return next.run(request).await,
        Found::Rule(Rule::Needs { scope, by_key }) => Wanted { scope, by_key, path: &path },
        Found::OtherMethods(allowed) => return ([(header::ALLOW, allowed)], Error::MethodNotAllowed).into_response(),
        Found::Nothing => {
            tracing::error!(method = %request.method(), path, "an operation has no rule in the API document: it is closed");
            return Error::Forbidden.into_response();
        }
    };
    let visitor = accounts::routes::visitor(request.headers(), request.extensions());
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let principal = match admitted(&access.doorkeeper, &visitor, &wanted, changes).await {
        Ok(principal) => principal,
        Err(refusal) => return refusal.into_response(),
    };
    request.extensions_mut().insert(principal.clone());
    let response = next.run(request).await;
    match &access.doorkeeper {
        Doorkeeper::Accounts(service) if is_stream(&response) && principal.has_account() => until_ended(response, service, principal),
        _ => response,
    }
}

/// What a request wants to do.
struct Wanted<'a> {
    scope: Scope,
    by_key: bool,
    path: &'a str,
}

async fn admitted(doorkeeper: &Doorkeeper, visitor: &Visitor, wanted: &Wanted<'_>, changes: bool) -> Result<Principal> {
    let service = match doorkeeper {
        Doorkeeper::Accounts(service) => service,
        Doorkeeper::ComingUp { claimed: true } => return Err(super::starting()),
        Doorkeeper::ComingUp { claimed: false } if visitor.is_at_this_machine() => return Ok(Principal::unclaimed()),
        Doorkeeper::ComingUp { claimed: false } => return Err(Error::Unauthenticated),
    };
    let Some(principal) = service.identify(visitor).await? else {
        service.admit_address(visitor).await?;
        service.denied(None, visitor, wanted.scope, wanted.path).await;
        return Err(Error::Unauthenticated);
    };
    service.admit(&principal, visitor).await?;
    if changes && matches!(principal.credential, Credential::Session(_)) && !shows_csrf_token(visitor) {
        return Err(Error::Csrf);
    }
    if principal.limited && !is_before_second_factor(wanted.path, changes) {
        return Err(Error::SecondFactorMissing);
    }
    let as_it_came = wanted.by_key || !matches!(principal.credential, Credential::Key(_) | Credential::App(_));
    if as_it_came && principal.may(wanted.scope) {
        return Ok(principal);
    }
    service.denied(Some(&principal), visitor, wanted.scope, wanted.path).await;
    Err(if principal.has_account() { Error::Forbidden } else { Error::Unauthenticated })
}

fn is_before_second_factor(path: &str, changes: bool) -> bool {
    BEFORE_SECOND_FACTOR.contains(&path) || (path == "/api/v1/account" && !changes)
}

fn shows_csrf_token(visitor: &Visitor) -> bool {
    match (&visitor.session, &visitor.csrf) {
        (Some(session), Some(shown)) => accounts::same_secret(shown, &csrf_token(session)),
        _ => false,
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/event-stream")
}

/// A stream ends when what it was opened with does. That is followed in a task of its own: a client that does not read must not
/// hold the database's connection with which its credential is looked at.
fn until_ended(response: Response, service: &AccountService, principal: Principal) -> Response {
    let ended = AbortOnDropHandle::new(tokio::spawn(service.revocations().ended(principal)));
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(ended)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_nothing_is_closed() {
        assert_eq!(rule(&json!([{}])), Some(Rule::Open));
        let admin = |by_key| Some(Rule::Needs { scope: Scope::Admin, by_key });
        assert_eq!(rule(&json!([{"session": ["admin"]}])), admin(false));
        assert_eq!(rule(&json!([{"key": ["admin"]}, {"session": ["admin"]}])), admin(true));
        for nothing in [
            json!(null),
            json!([]),
            json!([{"session": []}]),
            json!([{"session": ["no such scope"]}]),
            json!([{"session": ["admin", "models"]}]),
        ] {
            assert_eq!(rule(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn rules_go_by_method_and_path() {
        let rules = Rules::of(&json!({"paths": {"/a/{id}": {"get": {"security": [{"key": ["dreams:read"]}]}, "delete": {}}}}));
        let reading = Found::Rule(Rule::Needs { scope: Scope::DreamsRead, by_key: true });
        assert_eq!(rules.find(&Method::GET, "/a/{id}"), reading);
        assert_eq!(rules.find(&Method::HEAD, "/a/{id}"), reading);
        assert_eq!(rules.find(&Method::DELETE, "/a/{id}"), Found::Nothing, "it says nothing");
        assert_eq!(rules.find(&Method::GET, "/b"), Found::Nothing, "the document does not know it");
        assert!(matches!(rules.find(&Method::PUT, "/a/{id}"), Found::OtherMethods(methods) if methods.contains("GET")));
    }
}
