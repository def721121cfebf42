//! Asking a server that the operator named: with a key where it wants one, and with the answer piece by piece.

use reqwest::{Method, Response, header};

use super::{Download, Egress, EgressError, Purpose, audit::Audited, chain, policy};

/// Of a refusal, this much is told.
const MOST_SAID: usize = 400;

/// What is sent and what it is.
pub struct Content {
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Content {
    pub fn json(bytes: Vec<u8>) -> Self {
        Self { media_type: "application/json".into(), bytes }
    }
}

impl Egress {
    /// Sends something to `url`. Redirects are not followed: the body would go where nobody sent it.
    pub async fn post(&self, purpose: Purpose, url: &str, key: Option<&str>, content: Content) -> Result<Download, EgressError> {
        self.deliver(purpose, ("POST", Method::POST), url, key, Some(content)).await
    }

    /// Fetches `url`. Redirects are not followed: the key would go where nobody sent it.
    pub async fn ask(&self, purpose: Purpose, url: &str, key: Option<&str>) -> Result<Download, EgressError> {
        self.deliver(purpose, ("GET", Method::GET), url, key, None).await
    }

    async fn deliver(
        &self,
        purpose: Purpose,
        (name, method): (&'static str, Method),
        url: &str,
        key: Option<&str>,
        content: Option<Content>,
    ) -> Result<Download, EgressError> {
        let url = self.checked(purpose, name, url)?;
        let audited = Audited::new(self.sink.clone(), purpose, name, &url);
        let broken = |reason: String| EgressError::Broken { destination: policy::destination(&url), reason };
        let mut request = self.client().map_err(broken)?.request(method, url.clone());
        if let Some(Content { media_type, bytes }) = content {
            // What is sent twice may be done twice, so it never goes out on a connection that the other side may just be closing.
            request = request.header(header::CONTENT_TYPE, media_type).header(header::CONNECTION, "close").body(bytes);
        }
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        match request.send().await {
            Ok(response) if response.status().is_success() => Download::open(response, 0, audited),
            Ok(response) => Err(declined(response, audited).await),
            Err(error) => {
                let reason = chain(&error.without_url());
                audited.failed(&reason);
                Err(broken(reason))
            }
        }
    }
}

/// The refusal with the beginning of what was said about it, without what a terminal would obey.
async fn declined(mut response: Response, mut audited: Audited) -> EgressError {
    let status = response.status();
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        said.extend_from_slice(&chunk);
        if said.len() >= MOST_SAID {
            break;
        }
    }
    audited.bytes += said.len() as u64;
    audited.finish(status.as_u16().to_string());
    let said =
        String::from_utf8_lossy(&said).chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MOST_SAID).collect();
    EgressError::Declined { destination: audited.destination().into(), status: status.as_u16(), said }
}
