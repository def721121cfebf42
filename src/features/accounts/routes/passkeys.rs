//! Passkeys: a person's own, and the door that they open.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};

use super::doors::welcome;
use crate::{
    error::{
        Result,
        extract::{JsonBody, PathId},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{
        AccountService, Confirmation, NewPasskey, NewPasskeyRequest, PasskeyChallenge, PasskeyLogin, Principal, SessionState, Visitor,
    },
};

type Service = State<Arc<AccountService>>;

/// Begin making a passkey: what your browser is to ask your authenticator.
#[utoipa::path(post, operation_id = "begin_passkey", path = "/api/v1/account/passkeys/challenge", tag = "accounts",
    security(("session" = ["account"])), request_body = Confirmation, responses(
    (status = 201, body = PasskeyChallenge),
    (status = 409, description = "The page has no name, or there are too many passkeys", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn begin_passkey(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<(StatusCode, Json<PasskeyChallenge>)> {
    Ok((StatusCode::CREATED, Json(service.begin_passkey(&principal, request, &visitor).await?)))
}

/// Keep a passkey that your browser made. The first second factor brings recovery codes, this once, and ends your other sessions.
#[utoipa::path(post, operation_id = "add_passkey", path = "/api/v1/account/passkeys", tag = "accounts", security(("session" = ["account"])),
    request_body = NewPasskeyRequest, responses(
    (status = 201, body = NewPasskey),
    (status = 409, description = "The page has no name, the passkey is kept already, or there are too many", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn add_passkey(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<NewPasskeyRequest>,
) -> Result<(StatusCode, Json<NewPasskey>)> {
    Ok((StatusCode::CREATED, Json(service.add_passkey(&principal, request, &visitor).await?)))
}

/// Take one of your passkeys away: it opens nothing any more, and other sessions that came in by a passkey end.
#[utoipa::path(post, operation_id = "remove_passkey", path = "/api/v1/account/passkeys/{id}/removal", tag = "accounts",
    security(("session" = ["account"])), params(("id" = uuid::Uuid, Path)), request_body = Confirmation, responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is no such passkey", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is the only way in", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn remove_passkey(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<StatusCode> {
    service.remove_passkey(&principal, id, request, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin a log-in by passkey: what your browser is to ask your authenticator.
#[utoipa::path(post, operation_id = "begin_passkey_log_in", path = "/api/v1/session/passkey/challenge", tag = "accounts", security(()), responses(
    (status = 201, body = PasskeyChallenge),
    (status = 409, description = "The page has no name", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn begin_passkey_log_in(State(service): Service, visitor: Visitor) -> Result<(StatusCode, Json<PasskeyChallenge>)> {
    Ok((StatusCode::CREATED, Json(service.begin_passkey_log_in(&visitor).await?)))
}

/// Log in by a passkey. The answer sets the cookies of a new session; one that was there before ends.
#[utoipa::path(post, operation_id = "log_in_by_passkey", path = "/api/v1/session/passkey", tag = "accounts", security(()),
    request_body = PasskeyLogin, responses(
    (status = 200, body = SessionState),
    (status = 409, description = "The page has no name", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn log_in_by_passkey(
    State(service): Service,
    visitor: Visitor,
    JsonBody(request): JsonBody<PasskeyLogin>,
) -> Result<(HeaderMap, Json<SessionState>)> {
    let entrance = service.log_in_by_passkey(request, &visitor).await?;
    welcome(&service, &entrance).await
}
