//! The feature over HTTP.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{LARGEST_PACK_BYTES, LensView, LoreService, PackPage, PackView, SymbolKind, SymbolPage, SymbolView, service::SymbolFilter};
use crate::{
    error::{
        Error, Result,
        extract::{PathName, QueryString, body_bytes, let_go, media_type},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::accounts::{Principal, Visitor},
};

type Service = State<Arc<LoreService>>;

/// What a pack may say that it is.
const PACK_TYPES: [&str; 2] = ["application/toml", "text/plain"];

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<LoreService>> {
    OpenApiRouter::new()
        .routes(routes!(list_lenses))
        .routes(routes!(list_symbols))
        .routes(routes!(show_symbol))
        .routes(routes!(list_packs, import_pack))
        .routes(routes!(export_pack, remove_pack))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SymbolsQuery {
    /// ISO 639-1; English when absent, and for symbols that have no name in it.
    #[serde(default)]
    language: Option<String>,
    /// A part of a name, or of a form in running text.
    #[serde(default)]
    search: Option<String>,
    #[serde(default)]
    kind: Option<SymbolKind>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SymbolQuery {
    /// ISO 639-1; English when absent, and where the symbol has no name in it.
    #[serde(default)]
    language: Option<String>,
}

/// The lenses through which dreams are read here.
#[utoipa::path(get, operation_id = "list_lenses", path = "/api/v1/lenses", tag = "lore", security(("key" = ["dreams:read"])), responses(
    (status = 200, body = Vec<LensView>), CommonProblems,
))]
async fn list_lenses(State(service): Service) -> Result<Json<Vec<LensView>>> {
    Ok(Json(service.lenses().await?))
}

/// The dictionary of dream symbols.
#[utoipa::path(get, operation_id = "list_symbols", path = "/api/v1/symbols", tag = "lore", security(("key" = ["dreams:read"])), params(SymbolsQuery), responses(
    (status = 200, body = Vec<SymbolView>),
    (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn list_symbols(State(service): Service, QueryString(query): QueryString<SymbolsQuery>) -> Result<Json<Vec<SymbolView>>> {
    let SymbolsQuery { language, search, kind } = query;
    Ok(Json(service.symbols(&SymbolFilter { language: language.as_deref(), search: search.as_deref(), kind }).await?))
}

/// One symbol: its forms, and what it may stand for through each lens, with the sources of that.
#[utoipa::path(get, operation_id = "show_symbol", path = "/api/v1/symbols/{id}", tag = "lore", security(("key" = ["dreams:read"])),
    params(("id" = String, Path), SymbolQuery), responses(
    (status = 200, body = SymbolPage),
    (status = 404, description = "The dictionary has no such symbol", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn show_symbol(
    State(service): Service,
    PathName(id): PathName,
    QueryString(query): QueryString<SymbolQuery>,
) -> Result<Json<SymbolPage>> {
    Ok(Json(service.symbol(&id, query.language.as_deref()).await?))
}

/// The packs of lenses and symbols that were imported; a later one stands over an earlier one.
#[utoipa::path(get, operation_id = "list_packs", path = "/api/v1/packs", tag = "lore", security(("key" = ["admin"])), responses(
    (status = 200, body = Vec<PackView>), CommonProblems,
))]
async fn list_packs(State(service): Service) -> Result<Json<Vec<PackView>>> {
    Ok(Json(service.packs().await?))
}

/// Import a pack: lenses, symbols and sources as TOML, at most 1 MiB.
///
/// It adds to what is here, and replaces lenses and sources of the same id; of a symbol that is there already it changes what it
/// names. A pack of the same name is replaced. One that is broken, leans on what is not there, or holds what no prompt may (tokens
/// of chat templates, links, images) is refused, and `errors` says where it is wrong.
#[utoipa::path(post, operation_id = "import_pack", path = "/api/v1/packs", tag = "lore", security(("session" = ["admin"])),
    request_body(content((String = "application/toml"), (String = "text/plain")), description = "The pack"), responses(
    (status = 201, body = PackView),
    (status = 409, description = "There are too many, or another pack leans on what this one would change", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
async fn import_pack(
    State(service): Service,
    principal: Principal,
    visitor: Visitor,
    request: Request,
) -> Result<(StatusCode, Json<PackView>)> {
    let content = pack_in(request).await?;
    Ok((StatusCode::CREATED, Json(service.import(content, &principal, &visitor).await?)))
}

/// A pack as it was imported.
#[utoipa::path(get, operation_id = "export_pack", path = "/api/v1/packs/{name}", tag = "lore", security(("key" = ["admin"])), params(("name" = String, Path)), responses(
    (status = 200, body = PackPage),
    (status = 404, description = "There is no such pack", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn export_pack(State(service): Service, PathName(name): PathName) -> Result<Json<PackPage>> {
    Ok(Json(service.pack(&name).await?))
}

/// Remove a pack. What it replaced is as it was before; one that another pack leans on stays.
#[utoipa::path(delete, operation_id = "remove_pack", path = "/api/v1/packs/{name}", tag = "lore", security(("session" = ["admin"])), params(("name" = String, Path)), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is no such pack", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Another pack leans on it", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn remove_pack(State(service): Service, principal: Principal, visitor: Visitor, PathName(name): PathName) -> Result<StatusCode> {
    service.remove(&name, &principal, &visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The text of a pack that is sent as one.
async fn pack_in(request: Request) -> Result<String> {
    if !PACK_TYPES.contains(&media_type(request.headers()).as_str()) {
        let_go(request).await;
        return Err(Error::UnsupportedMedia(
            "the body must be a pack in TOML, with the content type application/toml or text/plain".into(),
        ));
    }
    let bytes = body_bytes(request, LARGEST_PACK_BYTES).await.map_err(|error| match error {
        Error::TooLarge { limit_bytes } => Error::PackTooLarge { limit_bytes },
        other => other,
    })?;
    String::from_utf8(bytes).map_err(|_| Error::NotText { field: "pack".into() })
}
