//! Tokens of apps: whoever comes here is not known yet.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    error::{
        Result,
        extract::JsonBody,
        problem::{BodyProblems, CommonProblems},
    },
    features::accounts::{AccountService, RefreshRequest, TokenRequest, Tokens, Visitor},
};

type Service = State<Arc<AccountService>>;

/// Log an app in.
///
/// The access token is sent as `Authorization: Bearer …` and good for ten minutes. After that the refresh token gives new ones of
/// both kinds, once: keep the new one. The app shows in the person's list of devices, where they can log it out.
#[utoipa::path(post, operation_id = "log_app_in", path = "/api/v1/tokens", tag = "accounts", security(()), request_body = TokenRequest, responses(
    (status = 201, body = Tokens), BodyProblems, CommonProblems,
))]
pub async fn log_app_in(
    State(service): Service,
    visitor: Visitor,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<(StatusCode, Json<Tokens>)> {
    Ok((StatusCode::CREATED, Json(service.log_app_in(request, &visitor).await?)))
}

/// Get new tokens for an app.
///
/// A refresh token is good once. Shown a second time, by whomever, it ends the whole log-in (401): somebody has a copy of it. So an
/// app asks once at a time, and keeps the new token before it does anything else.
#[utoipa::path(post, operation_id = "refresh_tokens", path = "/api/v1/tokens/refresh", tag = "accounts", security(()), request_body = RefreshRequest, responses(
    (status = 200, body = Tokens), BodyProblems, CommonProblems,
))]
pub async fn refresh_tokens(
    State(service): Service,
    visitor: Visitor,
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Json<Tokens>> {
    Ok(Json(service.refresh_tokens(&request, &visitor).await?))
}

/// Log an app out: its tokens open nothing from now on, and what it has open ends. A token that opens nothing anyway is no error.
#[utoipa::path(post, operation_id = "revoke_tokens", path = "/api/v1/tokens/revocation", tag = "accounts", security(()), request_body = RefreshRequest, responses(
    (status = 204, description = "They have ended"), BodyProblems, CommonProblems,
))]
pub async fn revoke_tokens(State(service): Service, visitor: Visitor, JsonBody(request): JsonBody<RefreshRequest>) -> Result<StatusCode> {
    service.revoke_tokens(&request, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}
