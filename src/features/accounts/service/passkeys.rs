//! Passkeys: made by a person who is logged in, shown by whoever comes, taken away.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{
    AccountService, Entrance,
    second_factor::{new_recovery_codes, session_of},
};
use crate::{
    error::{Error, Result},
    features::accounts::{
        Action, Allowance, CameBy, Confirmation, NewPasskey, NewPasskeyRequest, PasskeyChallenge, PasskeyLogin, Principal, Scope, UserId,
        Visitor,
        audit::Entry,
        limits::network,
        provider::Provider,
        store::{CeremonyKind, MadePasskey, Proof},
        webauthn::{Asked, Party, Shown},
    },
};

/// How long a person may take with their authenticator; browsers are told the same.
const CEREMONY_LIFE: Duration = Duration::from_secs(5 * 60);
const LONGEST_PASSKEY_NAME: usize = 60;
/// Of one address, since each is kept for a while; a page that offers passkeys asks once.
const CHALLENGES_FROM_ONE: Allowance = Allowance {
    most: 300,
    window: Duration::from_secs(15 * 60),
    part: 10,
    refusal: "too many log-ins by passkey were begun from your address: wait a quarter of an hour",
};

impl AccountService {
    /// Begins the making of a passkey.
    pub async fn begin_passkey(&self, principal: &Principal, request: Confirmation, visitor: &Visitor) -> Result<PasskeyChallenge> {
        let party = self.party(visitor)?;
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let known = self.store.known_credentials(principal.user).await?;
        let name = self.account(principal.user).await?.name;
        let asked = party.ask_for_new(principal.user, &name, known).map_err(Error::Internal)?;
        self.challenge(CeremonyKind::PasskeyRegistration, Some(principal.user), asked).await
    }

    /// Keeps a passkey that was made.
    pub async fn add_passkey(&self, principal: &Principal, request: NewPasskeyRequest, visitor: &Visitor) -> Result<NewPasskey> {
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_PASSKEY_NAME || name.chars().any(char::is_control) {
            return Err(Error::invalid("name", format!("must be 1 to {LONGEST_PASSKEY_NAME} characters: where the passkey lies")));
        }
        let party = self.party(visitor)?;
        self.require_still(principal, Scope::Account).await?;
        let ceremony = self.store.take_ceremony(&request.ceremony, CeremonyKind::PasskeyRegistration).await?;
        let ceremony = ceremony.filter(|ceremony| ceremony.user == Some(principal.user)).ok_or_else(not_kept)?;
        let kept = party.made(&ceremony.state, principal.user, request.credential).map_err(|error| {
            tracing::info!(%error, "a new passkey was refused");
            not_kept()
        })?;
        let codes = new_recovery_codes()?;
        let made = MadePasskey { id: Uuid::now_v7(), name, kept: &kept, codes: &codes, session: session_of(principal) };
        let told = Entry::new(Action::PasskeyAdded, Some(principal.user), visitor.address()).with(json!({ "passkey": made.id }));
        let (passkey, codes_are_kept) = self.store.keep_passkey(principal.user, &made, &told).await?;
        Ok(NewPasskey { passkey, recovery_codes: if codes_are_kept { codes } else { Vec::new() } })
    }

    /// Takes one of the person's passkeys away: it opens nothing any more.
    pub async fn remove_passkey(&self, principal: &Principal, id: Uuid, request: Confirmation, visitor: &Visitor) -> Result<()> {
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let told = Entry::new(Action::PasskeyRemoved, Some(principal.user), visitor.address()).with(json!({ "passkey": id }));
        let issuer = self.provider.as_ref().map(Provider::issuer);
        if self.store.remove_passkey(principal.user, id, issuer, session_of(principal), &told).await? {
            Ok(())
        } else {
            Err(Error::NotFound("passkey"))
        }
    }

    /// Begins a log-in by passkey: whose it will be nobody says.
    pub async fn begin_passkey_log_in(&self, visitor: &Visitor) -> Result<PasskeyChallenge> {
        let party = self.party(visitor)?;
        self.admit_address(visitor).await?;
        let from = visitor.address().map_or_else(|| "socket".into(), network);
        self.limits.take(&format!("challenges:{from}"), &CHALLENGES_FROM_ONE).await?;
        self.challenge(CeremonyKind::PasskeyLogIn, None, party.ask().map_err(Error::Internal)?).await
    }

    /// Lets in whoever shows a passkey of theirs. What was wrong is not told.
    pub async fn log_in_by_passkey(&self, request: PasskeyLogin, visitor: &Visitor) -> Result<Entrance> {
        let party = self.party(visitor)?;
        self.try_door(visitor).await?;
        match self.owner_of_shown(&party, &request).await? {
            (Some(user), true) => {
                self.give_door_back(visitor).await?;
                self.enter(&Proof::of(user), CameBy::Passkey, visitor).await
            }
            (owner, _) => {
                self.refused(visitor, owner, "passkey").await;
                Err(Error::NotShown("this passkey opens nothing here: try once more, or come in by name and password".into()))
            }
        }
    }

    /// Whose passkey it is, if it is kept here, and whether all of it is right.
    async fn owner_of_shown(&self, party: &Party, request: &PasskeyLogin) -> Result<(Option<UserId>, bool)> {
        let ceremony = self.store.take_ceremony(&request.ceremony, CeremonyKind::PasskeyLogIn).await?;
        let (Some(ceremony), Ok(shown)) = (ceremony, Shown::read(&request.credential)) else { return Ok((None, false)) };
        let Some(passkey) = self.store.passkey_shown(shown.credential_id(), shown.user()).await? else { return Ok((None, false)) };
        let right = match party.verify(&ceremony.state, &shown, &passkey.kept) {
            Ok(moving_state) => !passkey.suspended && self.store.passkey_used(&passkey, &moving_state).await?,
            Err(error) => {
                tracing::info!(%error, "a passkey was refused");
                false
            }
        };
        Ok((Some(shown.user()), right))
    }

    async fn challenge(&self, kind: CeremonyKind, user: Option<UserId>, asked: Asked) -> Result<PasskeyChallenge> {
        let ceremony = self.store.begin_ceremony(kind, user, &asked.state, CEREMONY_LIFE).await?;
        Ok(PasskeyChallenge { ceremony, options: asked.options })
    }

    fn party(&self, visitor: &Visitor) -> Result<Party> {
        Party::of(visitor.page.as_deref(), self.standing().host_name.as_deref())
    }
}

fn not_kept() -> Error {
    Error::NotShown("this passkey cannot be kept: begin again, and finish within five minutes on the same page".into())
}
