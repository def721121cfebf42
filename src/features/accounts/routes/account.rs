//! A person's own account.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use serde_json::Value;

use super::cookies;
use crate::{
    error::{
        Result,
        extract::{JsonBody, PathId},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{
        Account, AccountService, ApiKey, Confirmation, KeyRequest, NewApiKey, PasswordChange, Principal, ProfileChange, Session, Visitor,
    },
};

type Service = State<Arc<AccountService>>;

/// Your own account.
#[utoipa::path(get, operation_id = "show_account", path = "/api/v1/account", tag = "accounts", security(("session" = ["account"])), responses(
    (status = 200, body = Account), CommonProblems,
))]
pub async fn show_account(State(service): Service, principal: Principal) -> Result<Json<Account>> {
    Ok(Json(service.account(principal.user).await?))
}

/// Change your profile.
#[utoipa::path(patch, operation_id = "change_account", path = "/api/v1/account", tag = "accounts", security(("session" = ["account"])),
    request_body = ProfileChange, responses(
    (status = 200, body = Account),
    (status = 409, description = "The address is taken", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn change_account(
    State(service): Service,
    principal: Principal,
    JsonBody(change): JsonBody<ProfileChange>,
) -> Result<Json<Account>> {
    Ok(Json(service.change_profile(principal.user, change).await?))
}

/// Change your password. Every other session and every key ends.
#[utoipa::path(post, operation_id = "change_password", path = "/api/v1/account/password", tag = "accounts", security(("session" = ["account"])),
    request_body = PasswordChange, responses((status = 204, description = "It is changed"), BodyProblems, CommonProblems))]
pub async fn change_password(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<PasswordChange>,
) -> Result<StatusCode> {
    service.change_password(&principal, request, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where you are logged in, the last used first.
#[utoipa::path(get, operation_id = "list_sessions", path = "/api/v1/account/sessions", tag = "accounts", security(("session" = ["account"])), responses(
    (status = 200, body = Vec<Session>), CommonProblems,
))]
pub async fn list_sessions(State(service): Service, principal: Principal) -> Result<Json<Vec<Session>>> {
    Ok(Json(service.sessions(&principal).await?))
}

/// Log a browser out.
#[utoipa::path(delete, operation_id = "revoke_session", path = "/api/v1/account/sessions/{id}", tag = "accounts", security(("session" = ["account"])),
    params(("id" = uuid::Uuid, Path)), responses(
    (status = 204, description = "It has ended"),
    (status = 404, description = "There is no such session", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn revoke_session(State(service): Service, principal: Principal, visitor: Visitor, PathId(id): PathId) -> Result<StatusCode> {
    service.revoke_session(&principal, id, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Your programs' keys, the newest first.
#[utoipa::path(get, operation_id = "list_keys", path = "/api/v1/account/keys", tag = "accounts", security(("session" = ["account"])), responses(
    (status = 200, body = Vec<ApiKey>), CommonProblems,
))]
pub async fn list_keys(State(service): Service, principal: Principal) -> Result<Json<Vec<ApiKey>>> {
    Ok(Json(service.keys(principal.user).await?))
}

/// Make a key for a program. It is shown this once.
#[utoipa::path(post, operation_id = "make_key", path = "/api/v1/account/keys", tag = "accounts", security(("session" = ["account"])),
    request_body = KeyRequest, responses(
    (status = 201, body = NewApiKey),
    (status = 409, description = "There are too many", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn make_key(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<NewApiKey>)> {
    Ok((StatusCode::CREATED, Json(service.make_key(principal.user, request, &principal, &visitor).await?)))
}

/// Take a key back: from now on it opens nothing, and what it has open ends.
#[utoipa::path(delete, operation_id = "revoke_key", path = "/api/v1/account/keys/{id}", tag = "accounts", security(("session" = ["account"])),
    params(("id" = uuid::Uuid, Path)), responses(
    (status = 204, description = "It has ended"),
    (status = 404, description = "There is no such key", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn revoke_key(State(service): Service, principal: Principal, visitor: Visitor, PathId(id): PathId) -> Result<StatusCode> {
    service.revoke_key(&principal, id, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that is kept of you, as a file: account, dreams with their readings, sessions, keys (without what opens).
#[utoipa::path(get, operation_id = "export_account", path = "/api/v1/account/export", tag = "accounts", security(("session" = ["account"])), responses(
    (status = 200, body = Object), CommonProblems,
))]
pub async fn export_account(State(service): Service, principal: Principal, visitor: Visitor) -> Result<(HeaderMap, Json<Value>)> {
    let all = service.export(&principal, &visitor).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"oneiros.json\""));
    Ok((headers, Json(all)))
}

/// Delete your account with everything that is yours.
#[utoipa::path(post, operation_id = "erase_account", path = "/api/v1/account/erasure", tag = "accounts", security(("session" = ["account"])),
    request_body = Confirmation, responses(
    (status = 204, description = "It is gone"),
    (status = 409, description = "You are the last admin", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn erase_account(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<impl IntoResponse> {
    service.erase(&principal, request, &visitor).await?;
    Ok((StatusCode::NO_CONTENT, cookies::end()?))
}
