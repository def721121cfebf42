//! Names resolve only to addresses that the policy lets their host have.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::EgressPolicy;

/// The system's resolver behind the policy's eyes. Addresses it hands out are the ones connected to.
pub struct GuardedResolver {
    policy: Arc<EgressPolicy>,
}

impl GuardedResolver {
    pub fn new(policy: Arc<EgressPolicy>) -> Self {
        Self { policy }
    }
}

impl Resolve for GuardedResolver {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| policy.may_resolve_to(host, address.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{host} points to a private or local address, which was refused").into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
