//! One short question and its whole answer, whatever its status: what protocols are made of that are spoken with a
//! server the operator named.

use std::time::Duration;

use http::{Method, Request, Response, header};

use super::{Egress, EgressError, Purpose, audit::Audited, chain, policy};

/// More than any such answer is.
const MOST_OF_AN_ANSWER: usize = 1024 * 1024;
/// The longest that question and answer may take together.
const PATIENCE: Duration = Duration::from_secs(30);

impl Egress {
    /// Sends `request` and hands its answer through, errors of the server's among them. Redirects are not followed: what
    /// was sent, a secret often, would go where nobody sent it.
    pub async fn exchange(&self, purpose: Purpose, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, EgressError> {
        let method = told(request.method());
        let url = self.checked(purpose, method, &request.uri().to_string())?;
        let mut audited = Audited::new(self.sink.clone(), purpose, method, &url);
        let answer = tokio::time::timeout(PATIENCE, self.answer_to(request, &mut audited)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("it took longer than {} seconds", PATIENCE.as_secs())));
        match &answer {
            Ok(answer) => audited.finish(answer.status().as_u16().to_string()),
            Err(reason) => audited.failed(reason),
        }
        answer.map_err(|reason| EgressError::Broken { destination: policy::destination(&url), reason })
    }

    async fn answer_to(&self, mut request: Request<Vec<u8>>, audited: &mut Audited) -> Result<Response<Vec<u8>>, String> {
        if !request.body().is_empty() {
            // What is sent twice may be done twice, so it never goes out on a connection that the other side may just be closing.
            request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        let request = reqwest::Request::try_from(request).map_err(|error| chain(&error.without_url()))?;
        let mut received = self.client()?.execute(request).await.map_err(|error| chain(&error.without_url()))?;
        let mut body = Vec::new();
        while let Some(chunk) = received.chunk().await.map_err(|error| chain(&error.without_url()))? {
            audited.bytes += chunk.len() as u64;
            if body.len() + chunk.len() > MOST_OF_AN_ANSWER {
                return Err(format!("its answer is longer than {MOST_OF_AN_ANSWER} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body);
        *answer.status_mut() = received.status();
        *answer.headers_mut() = std::mem::take(received.headers_mut());
        Ok(answer)
    }
}

/// The method as the audit tells it.
fn told(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "another method",
    }
}
