//! Sending something and hearing the answer piece by piece.

use reqwest::header;

use super::{Download, Egress, EgressError, Purpose, audit::Audited, chain, policy};

impl Egress {
    /// Sends JSON to `url`, with a key where the other side wants one. Redirects are not followed: the body would go
    /// where nobody sent it.
    pub async fn post(&self, purpose: Purpose, url: &str, key: Option<&str>, json: Vec<u8>) -> Result<Download, EgressError> {
        let url = self.checked(purpose, "POST", url)?;
        let audited = Audited::new(self.sink.clone(), purpose, "POST", &url);
        let broken = |reason: String| EgressError::Broken { destination: policy::destination(&url), reason };
        let mut request = self.client().map_err(broken)?.post(url.clone()).header(header::CONTENT_TYPE, "application/json").body(json);
        // What is sent twice may be done twice, so it never goes out on a connection that the other side may just be closing.
        request = request.header(header::CONNECTION, "close");
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        match request.send().await {
            Ok(response) => Download::open(response, 0, audited),
            Err(error) => {
                let reason = chain(&error.without_url());
                audited.failed(&reason);
                Err(broken(reason))
            }
        }
    }
}
