//! Tokens of apps. A person logs an app in with their password once. From then on the app shows access tokens, each good for
//! minutes, and gets new ones by a refresh token, which is good once.
//!
//! A refresh token that is shown again is in two hands, and which of them is the app's nobody knows: so the whole log-in ends
//! (RFC 9700, 4.14). That holds for two requests at the same instant, too: one gets new tokens, and the other ends them. An app
//! asks one at a time, and a person whose app lost an answer on its way logs in again.

use serde_json::json;
use uuid::Uuid;

use super::{AccountService, personal::granted};
use crate::{
    error::{Error, Result},
    features::accounts::{
        Action, Principal, RefreshRequest, Scope, TokenRequest, Tokens, Visitor,
        access_token::{AccessTokens, LIFE, Shown},
        audit::Entry,
        refresh_token::RefreshTokens,
        store::NewAppSession,
    },
};

/// What the keys of tokens are derived for.
const ACCESS_TOKENS: &str = "access tokens";
const REFRESH_TOKENS: &str = "refresh tokens";
const LONGEST_APP_NAME: usize = 60;

impl AccountService {
    /// Logs an app in.
    pub async fn log_app_in(&self, request: TokenRequest, visitor: &Visitor) -> Result<Tokens> {
        let app = request.app.trim();
        if app.is_empty() || app.chars().count() > LONGEST_APP_NAME || app.chars().any(char::is_control) {
            return Err(Error::invalid("app", format!("must be 1 to {LONGEST_APP_NAME} characters: what the app calls itself")));
        }
        let proof = self.prove(&request.name, &request.password, request.code.as_deref(), visitor).await?;
        let user = proof.user;
        let role = self.store.role_of(user).await?.ok_or(Error::NotFound("person"))?;
        let scopes = granted(role, request.scopes)?;
        let id = Uuid::now_v7();
        let refresh_token = self.refresh_maker()?.make(id).map_err(Error::Internal)?;
        let session = NewAppSession {
            id,
            app,
            scopes: &scopes,
            refresh_token: &refresh_token,
            user_agent: visitor.user_agent.as_deref(),
            address: visitor.address(),
        };
        let told = Entry::new(Action::Login, Some(user), visitor.address()).with(json!({ "app": id, "scopes": scopes }));
        self.store.begin_app_session(&proof, &session, &told).await?;
        self.tokens(Shown { user, session: id }, refresh_token, scopes)
    }

    /// New tokens for the refresh token that is good now.
    pub async fn refresh_tokens(&self, request: &RefreshRequest, visitor: &Visitor) -> Result<Tokens> {
        self.admit_address(visitor).await?;
        let shown = request.refresh_token.as_str();
        let maker = self.refresh_maker()?;
        let Some(session) = maker.session_of(shown) else { return Err(self.not_refreshed(visitor).await) };
        let fresh = maker.make(session).map_err(Error::Internal)?;
        if let Some(app) = self.store.rotate(session, shown, &fresh, visitor.address()).await? {
            return self.tokens(Shown { user: app.user, session }, fresh, app.scopes);
        }
        let told = Entry::new(Action::TokenReused, None, visitor.address());
        if self.store.end_reused(session, shown, told).await? {
            return Err(Error::WrongRefreshToken);
        }
        Err(self.not_refreshed(visitor).await)
    }

    /// Logs an app out. What opens nothing any more is as good as logged out (RFC 7009, 2.2).
    pub async fn revoke_tokens(&self, request: &RefreshRequest, visitor: &Visitor) -> Result<()> {
        self.admit_address(visitor).await?;
        let shown = request.refresh_token.as_str();
        let Some(session) = self.refresh_maker()?.session_of(shown) else { return Ok(()) };
        let ended = self.store.end_app_session(session, shown, Entry::new(Action::Logout, None, visitor.address())).await?;
        if !ended {
            // A token that was good before is as telling here as where a new one is asked for.
            self.store.end_reused(session, shown, Entry::new(Action::TokenReused, None, visitor.address())).await?;
        }
        Ok(())
    }

    /// Who has this access token, as far as its session still lasts.
    pub(super) async fn with_access_token(&self, token: &str) -> Result<Option<Principal>> {
        let Some(shown) = self.access_tokens()?.check(token) else { return Ok(None) };
        let app = self.store.app_session(shown.session).await?;
        Ok(app.filter(|app| app.user == shown.user))
    }

    fn tokens(&self, shown: Shown, refresh_token: String, scopes: Vec<Scope>) -> Result<Tokens> {
        let access_token = self.access_tokens()?.make(shown).map_err(Error::Internal)?;
        let expires_in = u32::try_from(LIFE.as_secs()).unwrap_or(u32::MAX);
        Ok(Tokens { access_token, token_type: "Bearer", expires_in, refresh_token, scopes })
    }

    fn refresh_maker(&self) -> Result<RefreshTokens> {
        self.master.derive(REFRESH_TOKENS).map(RefreshTokens::new).map_err(Error::Internal)
    }

    fn access_tokens(&self) -> Result<AccessTokens> {
        self.master.derive(ACCESS_TOKENS).map(AccessTokens::new).map_err(Error::Internal)
    }

    /// What whoever shows a refresh token of nobody is told. It takes a try of those that an address has at all doors; a good
    /// token takes none, since many apps may stand behind one address.
    async fn not_refreshed(&self, visitor: &Visitor) -> Error {
        if let Err(error) = self.try_door(visitor).await {
            return error;
        }
        self.refused(visitor, None, "refresh").await;
        Error::WrongRefreshToken
    }
}
