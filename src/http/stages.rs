//! The router changes once, when the appliance is up; connections that are open already see the new one.

use axum::{Router, extract::Request};
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Serves each request with the router of that moment.
pub fn staged(current: watch::Receiver<Router>) -> Router {
    Router::new().fallback(move |request: Request| {
        let router = current.borrow().clone();
        async move { router.oneshot(request).await }
    })
}
