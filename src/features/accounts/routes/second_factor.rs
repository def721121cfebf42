//! What a person shows beside a password.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    error::{
        Result,
        extract::{JsonBody, PathId},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{
        AccountService, AuthenticatorCode, Confirmation, NewAuthenticator, Principal, RecoveryCodes, SecondFactor, Visitor,
    },
};

type Service = State<Arc<AccountService>>;

/// Your second factor: authenticator, passkeys, recovery codes.
#[utoipa::path(get, operation_id = "show_second_factor", path = "/api/v1/account/second-factor", tag = "accounts",
    security(("session" = ["account"])), responses((status = 200, body = SecondFactor), CommonProblems))]
pub async fn show_second_factor(State(service): Service, principal: Principal) -> Result<Json<SecondFactor>> {
    Ok(Json(service.second_factor(&principal).await?))
}

/// Make a secret for an authenticator app. It is in force once its first code was shown.
#[utoipa::path(post, operation_id = "offer_authenticator", path = "/api/v1/account/authenticator", tag = "accounts",
    security(("session" = ["account"])), request_body = Confirmation, responses(
    (status = 201, body = NewAuthenticator),
    (status = 409, description = "There is one already", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn offer_authenticator(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<(StatusCode, Json<NewAuthenticator>)> {
    Ok((StatusCode::CREATED, Json(service.offer_authenticator(&principal, request, &visitor).await?)))
}

/// Put the authenticator in force with its first code. Where it is the first second factor every other session ends, and recovery
/// codes are answered, this once.
#[utoipa::path(post, operation_id = "confirm_authenticator", path = "/api/v1/account/authenticator/confirmation", tag = "accounts",
    security(("session" = ["account"])), request_body = AuthenticatorCode, responses(
    (status = 200, body = RecoveryCodes),
    (status = 409, description = "There is none to confirm", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn confirm_authenticator(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<AuthenticatorCode>,
) -> Result<Json<RecoveryCodes>> {
    Ok(Json(service.confirm_authenticator(&principal, request, &visitor).await?))
}

/// Take the authenticator away.
#[utoipa::path(post, operation_id = "remove_authenticator", path = "/api/v1/account/authenticator/removal", tag = "accounts",
    security(("session" = ["account"])), request_body = Confirmation, responses(
    (status = 204, description = "Its codes are asked for no more"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn remove_authenticator(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<StatusCode> {
    service.remove_authenticator(&principal, request, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make new recovery codes; those before open nothing any more.
#[utoipa::path(post, operation_id = "renew_recovery_codes", path = "/api/v1/account/recovery-codes", tag = "accounts",
    security(("session" = ["account"])), request_body = Confirmation, responses(
    (status = 201, body = RecoveryCodes),
    (status = 409, description = "There is no second factor", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn renew_recovery_codes(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<(StatusCode, Json<RecoveryCodes>)> {
    Ok((StatusCode::CREATED, Json(service.renew_recovery_codes(&principal, request, &visitor).await?)))
}

/// Take every second factor of somebody away who lost them. Their sessions end.
#[utoipa::path(post, operation_id = "remove_second_factor_of_user", path = "/api/v1/users/{id}/second-factor/removal", tag = "people",
    security(("session" = ["admin"])), params(("id" = uuid::Uuid, Path)), responses(
    (status = 204, description = "A password is enough again"),
    (status = 404, description = "There is nobody of that id", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn remove_second_factor_of_user(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
) -> Result<StatusCode> {
    service.remove_second_factor_of(id, &principal, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}
