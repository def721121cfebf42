//! The body of an answer, piece by piece.

use reqwest::{Response, StatusCode, header};

use super::{EgressError, audit::Audited, chain};

/// A body that is being received. Dropping it ends the transfer.
pub struct Download {
    response: Response,
    audited: Audited,
    start: u64,
    total: Option<u64>,
}

impl Download {
    pub(super) fn open(response: Response, from_byte: u64, mut audited: Audited) -> Result<Self, EgressError> {
        let status = response.status();
        let (start, total) = match status {
            StatusCode::OK => (0, response.content_length()),
            StatusCode::PARTIAL_CONTENT => match content_range(&response) {
                Some((start, total)) if start == from_byte => (start, total),
                _ => {
                    audited.finish("206 with another range than was asked for".into());
                    return Err(EgressError::Broken {
                        destination: audited.destination().into(),
                        reason: "it sent another part than was asked for".into(),
                    });
                }
            },
            other => {
                audited.finish(other.as_u16().to_string());
                return Err(EgressError::Status { destination: audited.destination().into(), status: other.as_u16() });
            }
        };
        Ok(Self { response, audited, start, total })
    }

    /// Where in the whole the first byte of this body lies.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Size of the whole in bytes, if the server tells.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, EgressError> {
        match self.response.chunk().await {
            Ok(Some(chunk)) => {
                self.audited.bytes += chunk.len() as u64;
                Ok(Some(chunk))
            }
            Ok(None) => {
                self.audited.finish(self.response.status().as_u16().to_string());
                Ok(None)
            }
            Err(error) => {
                let reason = chain(&error.without_url());
                self.audited.failed(&reason);
                Err(EgressError::Broken { destination: self.audited.destination().into(), reason })
            }
        }
    }
}

/// `bytes 100-199/1000` or `bytes 100-199/*` (RFC 9110, 14.4).
fn content_range(response: &Response) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    Some((start, total.parse().ok()))
}
