//! Log-in through a provider of identities.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};

use super::{cookies, visitor::cookie};
use crate::{
    error::{
        Result,
        extract::{JsonBody, PathId, QueryString},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{AccountService, Confirmation, Identity, PROVIDER_COOKIE, Principal, ProviderAddress, ProviderAnswer, Visitor},
};

type Service = State<Arc<AccountService>>;

/// Log in through the provider of identities: the browser goes on at the address that is answered.
#[utoipa::path(post, operation_id = "depart_to_provider", path = "/api/v1/session/provider", tag = "accounts", security(()), responses(
    (status = 201, body = ProviderAddress),
    (status = 404, description = "There is no provider", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is not set up", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn depart(State(service): Service, visitor: Visitor) -> Result<(StatusCode, HeaderMap, Json<ProviderAddress>)> {
    let departure = service.depart(&visitor).await?;
    Ok((StatusCode::CREATED, cookies::depart(&departure.browser)?, Json(ProviderAddress { address: departure.address })))
}

/// Where the provider sends the browser back to. Whatever came of it, the answer sends it on to a page; `provider` says why nobody
/// is logged in: `refused`, `failed`, `unknown` or `expired`, and of an account that is linked `linked`, `taken` or `failed`.
#[utoipa::path(get, operation_id = "arrive_from_provider", path = "/api/v1/session/provider/callback", tag = "accounts", security(()),
    params(ProviderAnswer), responses((status = 303, description = "The page to be shown"), CommonProblems))]
pub async fn arrive(
    State(service): Service,
    visitor: Visitor,
    headers: HeaderMap,
    QueryString(answer): QueryString<ProviderAnswer>,
) -> Result<(StatusCode, HeaderMap)> {
    let arrival = service.arrive(answer, cookie(&headers, PROVIDER_COOKIE).as_deref(), &visitor).await;
    let mut answer = cookies::arrive(arrival.entrance.as_ref())?;
    answer.insert(header::LOCATION, HeaderValue::from_static(arrival.page));
    Ok((StatusCode::SEE_OTHER, answer))
}

/// As whom the provider knows you, the newest first.
#[utoipa::path(get, operation_id = "list_identities", path = "/api/v1/account/identities", tag = "accounts",
    security(("session" = ["account"])), responses((status = 200, body = Vec<Identity>), CommonProblems))]
pub async fn list_identities(State(service): Service, principal: Principal) -> Result<Json<Vec<Identity>>> {
    Ok(Json(service.identities(&principal).await?))
}

/// Link your account with the provider: the browser goes on at the address that is answered.
#[utoipa::path(post, operation_id = "link_identity", path = "/api/v1/account/identities", tag = "accounts",
    security(("session" = ["account"])), request_body = Confirmation, responses(
    (status = 201, body = ProviderAddress),
    (status = 404, description = "There is no provider", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn link_identity(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<(StatusCode, HeaderMap, Json<ProviderAddress>)> {
    let departure = service.depart_to_link(&principal, request, &visitor).await?;
    Ok((StatusCode::CREATED, cookies::depart(&departure.browser)?, Json(ProviderAddress { address: departure.address })))
}

/// Take a link with the provider away.
#[utoipa::path(post, operation_id = "remove_identity", path = "/api/v1/account/identities/{id}/removal", tag = "accounts",
    security(("session" = ["account"])), params(("id" = uuid::Uuid, Path)), request_body = Confirmation, responses(
    (status = 204, description = "It lets nobody in any more"),
    (status = 404, description = "There is no such identity", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is the only way in", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn remove_identity(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
    JsonBody(request): JsonBody<Confirmation>,
) -> Result<StatusCode> {
    service.remove_identity(&principal, id, request, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}
