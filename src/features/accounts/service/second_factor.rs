//! What a person shows beside a password: an authenticator's codes, and recovery codes for when it is lost.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::AccountService;
use crate::{
    error::{Error, Result},
    features::accounts::{
        Action, Allowance, AuthenticatorCode, Confirmation, Credential, NewAuthenticator, Principal, RecoveryCodes, Scope, SecondFactor,
        UserId, Visitor, audit::Entry, authenticator, secret,
    },
};

/// What authenticators' secrets are sealed for.
const SEALED_FOR: &str = "authenticator";
const RECOVERY_CODES: usize = 10;
/// Wrong codes after the right password, from wherever: at this rate a code is not guessed in a hundred years.
const WRONG_CODES: Allowance = Allowance {
    most: 20,
    window: Duration::from_secs(24 * 60 * 60),
    part: 1,
    refusal: "too many wrong codes for this account today: log in with a passkey, wait until tomorrow, or ask an admin",
};

impl AccountService {
    /// What the person shows beside a password.
    pub async fn second_factor(&self, principal: &Principal) -> Result<SecondFactor> {
        let factors = self.store.factors(principal.user).await?;
        let role = self.store.role_of(principal.user).await?.ok_or(Error::NotFound("account"))?;
        Ok(SecondFactor {
            authenticator: factors.authenticator.is_some(),
            passkeys: self.store.passkeys(principal.user).await?,
            recovery_codes_left: factors.recovery_codes,
            required: self.standing().second_factor_roles.contains(&role),
        })
    }

    /// Makes a secret for an authenticator app. It asks for nothing until its first code was shown.
    pub async fn offer_authenticator(&self, principal: &Principal, request: Confirmation, visitor: &Visitor) -> Result<NewAuthenticator> {
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let name = self.account(principal.user).await?.name;
        let bytes = authenticator::new_secret().map_err(Error::Internal)?;
        let sealed = self.master.seal(SEALED_FOR, principal.user.0, &bytes).map_err(Error::Internal)?;
        if !self.store.offer_authenticator(principal.user, &sealed).await? {
            return Err(Error::Conflict("there is an authenticator already: remove it first".into()));
        }
        let (secret, address) = authenticator::shown(&bytes, &name).map_err(Error::Internal)?;
        Ok(NewAuthenticator { secret, address })
    }

    /// Puts it in force, once its code shows that the app has the secret.
    pub async fn confirm_authenticator(
        &self,
        principal: &Principal,
        request: AuthenticatorCode,
        visitor: &Visitor,
    ) -> Result<RecoveryCodes> {
        self.require_still(principal, Scope::Account).await?;
        self.limits.take(&format!("codes:{}", principal.user.0), &WRONG_CODES).await?;
        let none = || Error::Conflict("there is no authenticator to confirm: begin setting it up again".into());
        let sealed = self.store.offered_authenticator(principal.user).await?.ok_or_else(none)?;
        let step = self.step_of(principal.user, &sealed, &request.code)?.ok_or_else(|| {
            Error::invalid("code", "is not what the app shows now: wait for its next code, and see that the clocks of both are right")
        })?;
        self.limits.give_back(&format!("codes:{}", principal.user.0), &WRONG_CODES).await?;
        let codes = new_recovery_codes()?;
        let told = Entry::new(Action::SecondFactorAdded, Some(principal.user), visitor.address());
        let kept = self.store.confirm_authenticator(principal.user, step, &codes, session_of(principal), &told).await?;
        Ok(RecoveryCodes { codes: if kept { codes } else { Vec::new() } })
    }

    pub async fn remove_authenticator(&self, principal: &Principal, request: Confirmation, visitor: &Visitor) -> Result<()> {
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let told = Entry::new(Action::SecondFactorRemoved, Some(principal.user), visitor.address());
        if self.store.remove_authenticator(principal.user, &told).await? { Ok(()) } else { Err(Error::NotFound("authenticator")) }
    }

    /// New recovery codes in place of those before.
    pub async fn renew_recovery_codes(&self, principal: &Principal, request: Confirmation, visitor: &Visitor) -> Result<RecoveryCodes> {
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        if !self.store.factors(principal.user).await?.exist() {
            return Err(Error::Conflict("recovery codes stand in for a second factor: set one up first".into()));
        }
        let codes = new_recovery_codes()?;
        let told = Entry::new(Action::RecoveryCodesMade, Some(principal.user), visitor.address());
        self.store.replace_recovery_codes(principal.user, &codes, &told).await?;
        Ok(RecoveryCodes { codes })
    }

    /// Asks whoever has a second factor for it: the authenticator's code or a recovery code. `false` where there is none to ask for.
    pub(super) async fn show_second_factor(&self, user: UserId, code: Option<&str>, visitor: &Visitor) -> Result<bool> {
        let factors = self.store.factors(user).await?;
        if !factors.exist() {
            return Ok(false);
        }
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return Err(Error::SecondFactorNeeded) };
        // Too long to be guessed, so nobody who burns the day's tries keeps the person from these.
        if secret::is_like_recovery_code(code) {
            let told = Entry::new(Action::RecoveryCodeUsed, Some(user), visitor.address());
            let taken = self.store.take_recovery_code(user, code, &told).await?;
            return if taken { Ok(true) } else { Err(Error::WrongSecondFactor) };
        }
        let subject = format!("codes:{}", user.0);
        self.limits.take(&subject, &WRONG_CODES).await?;
        let shown = match &factors.authenticator {
            Some(sealed) => match self.step_of(user, sealed, code) {
                Ok(Some(step)) => self.store.take_step(user, step).await?,
                Ok(None) => false,
                Err(error) => {
                    tracing::error!(%error, "an authenticator's secret cannot be read");
                    false
                }
            },
            None => false,
        };
        if !shown {
            return Err(Error::WrongSecondFactor);
        }
        self.limits.give_back(&subject, &WRONG_CODES).await?;
        Ok(true)
    }

    fn step_of(&self, user: UserId, sealed: &[u8], code: &str) -> Result<Option<i64>> {
        let secret = self.master.open(SEALED_FOR, user.0, sealed).map_err(Error::Internal)?;
        authenticator::step_of(&secret, code, SystemTime::now()).map_err(Error::Internal)
    }
}

/// Recovery codes for whoever has none yet.
pub(super) fn new_recovery_codes() -> Result<Vec<String>> {
    (0..RECOVERY_CODES).map(|_| secret::recovery_code()).collect::<anyhow::Result<_>>().map_err(Error::Internal)
}

/// The browser's session that asks, which what it does leaves alone.
pub(super) fn session_of(principal: &Principal) -> Option<Uuid> {
    match principal.credential {
        Credential::Session(id) => Some(id),
        _ => None,
    }
}
