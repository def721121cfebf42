//! The doors: whoever comes to them is not known yet.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};

use super::cookies;
use crate::{
    error::{
        Result,
        extract::JsonBody,
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{
        AccountService, Credential, Entrance, LoginRequest, PasswordResetRequest, Principal, RegistrationRequest, SessionState,
        SetupRequest, Visitor,
    },
};

/// Who is logged in, and what they may do.
#[utoipa::path(get, operation_id = "show_session", path = "/api/v1/session", tag = "accounts", security(()), responses(
    (status = 200, body = SessionState), CommonProblems,
))]
pub async fn show_session(State(service): State<Arc<AccountService>>, visitor: Visitor) -> Result<Json<SessionState>> {
    service.admit_address(&visitor).await?;
    let principal = service.identify(&visitor).await?;
    Ok(Json(service.state(principal.as_ref()).await?))
}

/// Log in. The answer sets the cookies of a new session; one that was there before ends.
#[utoipa::path(post, operation_id = "log_in", path = "/api/v1/session", tag = "accounts", security(()), request_body = LoginRequest, responses(
    (status = 200, body = SessionState), BodyProblems, CommonProblems,
))]
pub async fn log_in(
    State(service): State<Arc<AccountService>>,
    visitor: Visitor,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<(HeaderMap, Json<SessionState>)> {
    let entrance = service.log_in(request, &visitor).await?;
    welcome(&service, &entrance).await
}

/// Log out: the session ends, with what it has open.
#[utoipa::path(delete, operation_id = "log_out", path = "/api/v1/session", tag = "accounts", security(("session" = ["account"])), responses(
    (status = 204, description = "It has ended"), CommonProblems,
))]
pub async fn log_out(State(service): State<Arc<AccountService>>, principal: Principal, visitor: Visitor) -> Result<impl IntoResponse> {
    if let Credential::Session(session) = principal.credential {
        service.log_out(&principal, session, &visitor).await?;
    }
    Ok((StatusCode::NO_CONTENT, cookies::end()?))
}

/// Make the first admin, once, with the token that the server printed.
#[utoipa::path(post, operation_id = "set_up", path = "/api/v1/setup", tag = "accounts", security(()), request_body = SetupRequest, responses(
    (status = 201, body = SessionState),
    (status = 409, description = "It is set up", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn set_up(
    State(service): State<Arc<AccountService>>,
    visitor: Visitor,
    JsonBody(request): JsonBody<SetupRequest>,
) -> Result<(StatusCode, HeaderMap, Json<SessionState>)> {
    let entrance = service.set_up(request, &visitor).await?;
    let (headers, state) = welcome(&service, &entrance).await?;
    Ok((StatusCode::CREATED, headers, state))
}

/// Make an account: with an invitation, or where registration is open.
#[utoipa::path(post, operation_id = "register", path = "/api/v1/registration", tag = "accounts", security(()), request_body = RegistrationRequest, responses(
    (status = 201, body = SessionState),
    (status = 409, description = "The name or the address is taken", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn register(
    State(service): State<Arc<AccountService>>,
    visitor: Visitor,
    JsonBody(request): JsonBody<RegistrationRequest>,
) -> Result<(StatusCode, HeaderMap, Json<SessionState>)> {
    let entrance = service.register(request, &visitor).await?;
    let (headers, state) = welcome(&service, &entrance).await?;
    Ok((StatusCode::CREATED, headers, state))
}

/// Set a new password with a code from an admin. Every session and key of the person ends.
#[utoipa::path(post, operation_id = "reset_password", path = "/api/v1/password-reset", tag = "accounts", security(()), request_body = PasswordResetRequest, responses(
    (status = 204, description = "Log in with it"), BodyProblems, CommonProblems,
))]
pub async fn reset_password(
    State(service): State<Arc<AccountService>>,
    visitor: Visitor,
    JsonBody(request): JsonBody<PasswordResetRequest>,
) -> Result<StatusCode> {
    service.reset_password(request, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives whoever came in the cookies of their session.
pub(super) async fn welcome(service: &AccountService, entrance: &Entrance) -> Result<(HeaderMap, Json<SessionState>)> {
    Ok((cookies::begin(entrance)?, Json(service.state(Some(&entrance.principal)).await?)))
}
