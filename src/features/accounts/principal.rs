//! On whose behalf a request is served.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Role, Scope};
use crate::{db::Whose, engine::Asker};

/// A person with or, before accounts exist, without an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct UserId(pub Uuid);

impl UserId {
    /// The person at this machine, who becomes the first admin.
    pub const LOCAL: Self = Self(Uuid::from_u128(1));

    /// As engines know them.
    pub fn asker(self) -> Asker {
        Asker::named(&self.0.to_string())
    }
}

impl From<UserId> for Whose {
    fn from(user: UserId) -> Self {
        Self::Of(user.0)
    }
}

/// What a request showed to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// No account exists, and the request comes from this machine.
    Unclaimed,
    /// The Unix socket in the state directory, which file permissions guard.
    Socket,
    Session(Uuid),
    Key(Uuid),
    /// An app's session, which an access token names.
    App(Uuid),
}

/// Who asks, with what, and how far they may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub user: UserId,
    pub credential: Credential,
    pub scopes: Vec<Scope>,
    /// The person's role must have a second factor and they have none: all that they may do is set one up.
    pub limited: bool,
}

impl Principal {
    /// Whoever sits at the machine while no account exists: all but what needs an account.
    pub fn unclaimed() -> Self {
        let scopes = Role::Operator.scopes().iter().copied().filter(|scope| *scope != Scope::Account).collect();
        Self { user: UserId::LOCAL, credential: Credential::Unclaimed, scopes, limited: false }
    }

    /// The command line of the user that the server runs as.
    pub fn of_socket() -> Self {
        Self { user: UserId::LOCAL, credential: Credential::Socket, scopes: Scope::ALL.to_vec(), limited: false }
    }

    pub fn of_session(user: UserId, session: Uuid, role: Role) -> Self {
        Self { user, credential: Credential::Session(session), scopes: role.scopes().to_vec(), limited: false }
    }

    /// A key has what it was given as far as its person still may it.
    pub fn of_key(user: UserId, key: Uuid, role: Role, given: &[Scope]) -> Self {
        Self { user, credential: Credential::Key(key), scopes: within(role, given), limited: false }
    }

    /// An app has what it was given as far as its person still may it.
    pub fn of_app(user: UserId, session: Uuid, role: Role, given: &[Scope]) -> Self {
        Self { user, credential: Credential::App(session), scopes: within(role, given), limited: false }
    }

    /// Takes all but the account itself away from whoever lacks the second factor that they must have.
    pub fn limited(mut self, limited: bool) -> Self {
        self.limited = limited;
        if limited {
            self.scopes.retain(|scope| *scope == Scope::Account);
        }
        self
    }

    /// The person behind it, as the audit tells it; the command line is the operator's.
    pub fn actor(&self) -> Option<UserId> {
        (self.credential != Credential::Socket).then_some(self.user)
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether an account stands behind it: then its limits hold, and it can end.
    pub fn has_account(&self) -> bool {
        matches!(self.credential, Credential::Session(_) | Credential::Key(_) | Credential::App(_))
    }

    /// As engines know them.
    pub fn asker(&self) -> Asker {
        self.user.asker()
    }
}

/// No program has the account itself: it must not make others.
fn within(role: Role, given: &[Scope]) -> Vec<Scope> {
    given.iter().copied().filter(|scope| *scope != Scope::Account && role.scopes().contains(scope)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_no_more_than_its_person() {
        let key = Principal::of_key(UserId::LOCAL, Uuid::nil(), Role::User, &[Scope::Inference, Scope::Admin, Scope::Account]);
        assert_eq!(key.scopes, [Scope::Inference]);
        let admins = Principal::of_key(UserId::LOCAL, Uuid::nil(), Role::Admin, &[Scope::Admin, Scope::Account]);
        assert_eq!(admins.scopes, [Scope::Admin], "not even an admin's key makes keys");
    }
}
