//! What a dreamer thinks of the readings.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{
        Error, Result,
        extract::{JsonBody, PathIdName},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::{
        accounts::Principal,
        dreams::{DreamService, Opinion, OpinionRequest},
        lore::LensId,
    },
};

pub fn operations() -> OpenApiRouter<Arc<DreamService>> {
    OpenApiRouter::new().routes(routes!(keep))
}

/// Say what you think of the reading of a dream through a lens.
///
/// What the body leaves out stays as it was. The reading that is chosen takes the place of the one that was chosen before; lenses
/// that are chosen often are the next readings' own.
#[utoipa::path(put, operation_id = "put_opinion", path = "/api/v1/dreams/{id}/opinions/{lens}", tag = "dreams", security(("key" = ["dreams:write"])),
    params(("id" = uuid::Uuid, Path), ("lens" = LensId, Path)), request_body = OpinionRequest, responses(
    (status = 200, body = Opinion),
    (status = 404, description = "There is no such dream, or no reading of it through this lens", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
async fn keep(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    PathIdName(dream, lens): PathIdName,
    JsonBody(request): JsonBody<OpinionRequest>,
) -> Result<Json<Opinion>> {
    let lens: LensId = lens.parse().map_err(|_| Error::NotFound("lens"))?;
    Ok(Json(service.think(principal.user, dream, &lens, &request).await?))
}
