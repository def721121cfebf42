//! Vectors in the protocol's words.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    ModelApi,
    completion::texts,
    model::{EmbeddingObject, EmbeddingObjects, EmbeddingUsage, EmbeddingsRequest, Vector, VectorEncoding},
    service::{asked_by, asker},
};
use crate::{
    engine::{EmbeddingRequest, Embeddings},
    error::{Error, Result},
    features::accounts::Principal,
};

/// Texts of one request.
const MOST_TEXTS: usize = 2048;

/// Embeds the texts of a request.
pub async fn embed(api: &ModelApi, request: EmbeddingsRequest, principal: Option<&Principal>) -> Result<EmbeddingObjects> {
    let EmbeddingsRequest { model, input, encoding_format, dimensions, user, input_type, truncate } = request;
    let texts = texts("input", input)?;
    if texts.len() > MOST_TEXTS {
        return Err(Error::invalid("input", format!("holds {} texts: at most {MOST_TEXTS} can be embedded at once", texts.len())));
    }
    let asker = asked_by(principal, asker(user.as_deref())?);
    let model = api.embedder(&model).await?;
    check_dimensions(dimensions, model.dimensions)?;
    let embeddings = model.engine.embed(EmbeddingRequest { texts, role: input_type.unwrap_or_default().into() }, asker).await?;
    if !truncate.unwrap_or(false) {
        check_lengths(&embeddings, model.context_length)?;
    }
    let Embeddings { vectors, tokens, truncated } = embeddings;
    let encoding = encoding_format.unwrap_or_default();
    let object =
        |(index, (vector, truncated))| EmbeddingObject { object: "embedding", index, embedding: encoded(vector, encoding), truncated };
    let data = vectors.into_iter().zip(truncated).enumerate().map(object).collect();
    let usage = EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens };
    Ok(EmbeddingObjects { object: "list", data, model: model.id.clone(), usage })
}

fn check_dimensions(wanted: Option<i64>, own: u32) -> Result<()> {
    match wanted {
        Some(wanted) if wanted != i64::from(own) => Err(Error::invalid(
            "dimensions",
            format!("must be {own} for this model, not {wanted}: its vectors mean nothing when they are cut"),
        )),
        _ => Ok(()),
    }
}

fn check_lengths(embeddings: &Embeddings, context_length: u32) -> Result<()> {
    match embeddings.truncated.iter().position(|truncated| *truncated) {
        Some(index) => {
            let message = format!(
                "is longer than the {context_length} tokens of this model's context: cut it, or send `truncate`: true to have its beginning read"
            );
            Err(Error::invalid(format!("input[{index}]"), message))
        }
        None => Ok(()),
    }
}

fn encoded(vector: Vec<f32>, encoding: VectorEncoding) -> Vector {
    match encoding {
        VectorEncoding::Float => Vector::Floats(vector),
        VectorEncoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Vector::Base64(STANDARD.encode(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_holds_little_endian_floats() {
        assert_eq!(encoded(vec![1.0, -0.5], VectorEncoding::Base64), Vector::Base64("AACAPwAAAL8=".into()));
    }

    #[test]
    fn vectors_are_not_cut_and_long_texts_are_named() {
        assert!(check_dimensions(Some(384), 384).is_ok() && check_dimensions(None, 384).is_ok());
        for wrong in [-1, 0, 256, i64::MAX] {
            assert!(check_dimensions(Some(wrong), 384).unwrap_err().to_string().contains("384"));
        }
        let embeddings = Embeddings { vectors: vec![vec![1.0]; 2], tokens: 3, truncated: vec![false, true] };
        assert!(check_lengths(&embeddings, 512).unwrap_err().to_string().starts_with("input[1]: is longer than the 512"));
    }
}
