//! What admins do.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    error::{
        Error, Result,
        extract::{JsonBody, PathId, QueryString},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{
        AccountService, AuditPage, Invitation, InvitationRequest, KeyRequest, NewApiKey, NewUserRequest, OneTimeCode, Principal, Settings,
        SettingsChange, User, UserChange, UserFilter, UserId, UserPage, Visitor,
    },
};

type Service = State<Arc<AccountService>>;

const LONGEST_PAGE: u16 = 100;
const USUAL_PAGE: u16 = 50;
const LONGEST_SEARCH: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// A part of a name or an address.
    search: Option<String>,
    /// The `next_cursor` of a page.
    cursor: Option<String>,
    /// 1 to 100; 50 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// `login`, `login-refused`, `denied`, `role-changed`, …
    action: Option<String>,
    /// Who did it, or to whom it was done: an id, or the beginning of a name.
    user: Option<String>,
    /// The `next_cursor` of a page.
    cursor: Option<String>,
    /// 1 to 100; 50 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// People, the newest first.
#[utoipa::path(get, operation_id = "list_users", path = "/api/v1/users", tag = "people", security(("key" = ["admin"])), params(UserQuery), responses(
    (status = 200, body = UserPage),
    (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn list_users(State(service): Service, QueryString(query): QueryString<UserQuery>) -> Result<Json<UserPage>> {
    let before = query.cursor.as_deref().map(|cursor| cursor.parse().map_err(|_| wrong_cursor())).transpose()?;
    let search = filter("search", query.search.as_deref())?.map(str::to_owned);
    Ok(Json(service.users(&UserFilter { search, before, limit: limit(query.limit)? }).await?))
}

/// Make a person with a password. The first person must be an admin.
#[utoipa::path(post, operation_id = "add_user", path = "/api/v1/users", tag = "people", security(("session" = ["admin"])), request_body = NewUserRequest, responses(
    (status = 201, description = "The id", body = UserId),
    (status = 409, description = "The name or the address is taken", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn add_user(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<NewUserRequest>,
) -> Result<(StatusCode, Json<UserId>)> {
    Ok((StatusCode::CREATED, Json(service.add_user(request, &principal, &visitor).await?)))
}

/// Change what somebody is, or suspend or reinstate them. With a suspension every session, key and open stream of theirs ends.
#[utoipa::path(patch, operation_id = "change_user", path = "/api/v1/users/{id}", tag = "people", security(("session" = ["admin"])),
    params(("id" = Uuid, Path)), request_body = UserChange, responses(
    (status = 200, body = User),
    (status = 404, description = "There is nobody of that id", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is yourself, or the last admin", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn change_user(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
    JsonBody(change): JsonBody<UserChange>,
) -> Result<Json<User>> {
    Ok(Json(service.change_user(id, change, &principal, &visitor).await?))
}

/// A code with which somebody sets a new password; it is shown this once and good for a day.
#[utoipa::path(post, operation_id = "offer_password_reset", path = "/api/v1/users/{id}/password-reset", tag = "people", security(("session" = ["admin"])),
    params(("id" = Uuid, Path)), responses(
    (status = 201, body = OneTimeCode),
    (status = 404, description = "There is nobody of that id", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn offer_password_reset(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
) -> Result<(StatusCode, Json<OneTimeCode>)> {
    Ok((StatusCode::CREATED, Json(service.offer_reset(id, &principal, &visitor).await?)))
}

/// Make a key for somebody's program. It is shown this once.
#[utoipa::path(post, operation_id = "make_key_for_user", path = "/api/v1/users/{id}/keys", tag = "people", security(("session" = ["admin"])),
    params(("id" = Uuid, Path)), request_body = KeyRequest, responses(
    (status = 201, body = NewApiKey),
    (status = 404, description = "There is nobody of that id", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There are too many", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn make_key_for_user(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
    JsonBody(request): JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<NewApiKey>)> {
    Ok((StatusCode::CREATED, Json(service.make_key(UserId(id), request, &principal, &visitor).await?)))
}

/// Invitations of the last 90 days, the newest first.
#[utoipa::path(get, operation_id = "list_invitations", path = "/api/v1/invitations", tag = "people", security(("key" = ["admin"])), responses(
    (status = 200, body = Vec<Invitation>), CommonProblems,
))]
pub async fn list_invitations(State(service): Service) -> Result<Json<Vec<Invitation>>> {
    Ok(Json(service.invitations().await?))
}

/// Invite somebody: the code is shown this once, and makes one account.
#[utoipa::path(post, operation_id = "invite", path = "/api/v1/invitations", tag = "people", security(("session" = ["admin"])), request_body = InvitationRequest, responses(
    (status = 201, body = OneTimeCode),
    (status = 409, description = "The appliance is not set up", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
pub async fn invite(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(request): JsonBody<InvitationRequest>,
) -> Result<(StatusCode, Json<OneTimeCode>)> {
    Ok((StatusCode::CREATED, Json(service.invite(request, &principal, &visitor).await?)))
}

/// Take an invitation back that nobody used.
#[utoipa::path(delete, operation_id = "withdraw_invitation", path = "/api/v1/invitations/{id}", tag = "people", security(("key" = ["admin"])),
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Its code opens nothing any more"),
    (status = 404, description = "There is none that is open", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn withdraw_invitation(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    PathId(id): PathId,
) -> Result<StatusCode> {
    service.withdraw_invitation(id, &principal, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who did what, the newest first: log-ins, refusals, changes by admins. Never content.
#[utoipa::path(get, operation_id = "list_audit", path = "/api/v1/audit", tag = "people", security(("key" = ["admin"])), params(AuditQuery), responses(
    (status = 200, body = AuditPage),
    (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
pub async fn list_audit(State(service): Service, QueryString(query): QueryString<AuditQuery>) -> Result<Json<AuditPage>> {
    let before = query.cursor.as_deref().map(|cursor| cursor.parse().map_err(|_| wrong_cursor())).transpose()?;
    let action = filter("action", query.action.as_deref())?;
    let person = filter("user", query.user.as_deref())?;
    Ok(Json(service.audit(action, person, before, limit(query.limit)?).await?))
}

/// What admins decided for all.
#[utoipa::path(get, operation_id = "show_settings", path = "/api/v1/settings", tag = "people", security(("key" = ["admin"])), responses(
    (status = 200, body = Settings), CommonProblems,
))]
pub async fn show_settings(State(service): Service) -> Json<Settings> {
    Json(service.settings())
}

/// Decide for all.
#[utoipa::path(patch, operation_id = "change_settings", path = "/api/v1/settings", tag = "people", security(("session" = ["admin"])), request_body = SettingsChange, responses(
    (status = 200, body = Settings), BodyProblems, CommonProblems,
))]
pub async fn change_settings(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    JsonBody(change): JsonBody<SettingsChange>,
) -> Result<Json<Settings>> {
    Ok(Json(service.change_settings(change, &principal, &visitor).await?))
}

fn limit(asked: Option<u16>) -> Result<u16> {
    let limit = asked.unwrap_or(USUAL_PAGE);
    if (1..=LONGEST_PAGE).contains(&limit) { Ok(limit) } else { Err(Error::invalid("limit", format!("must be 1 to {LONGEST_PAGE}"))) }
}

/// What is searched for, where something is.
fn filter<'a>(field: &str, text: Option<&'a str>) -> Result<Option<&'a str>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.len() > LONGEST_SEARCH || text.contains('\0') => {
            Err(Error::invalid(field, format!("must be at most {LONGEST_SEARCH} bytes of text")))
        }
        text => Ok(text),
    }
}

fn wrong_cursor() -> Error {
    Error::invalid("cursor", "is not a cursor that this server gave")
}
