//! What people are, and what an operation asks for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Tells dreams and reads what was made of them.
    User,
    /// A person of learning whom others may ask.
    Imam,
    /// Looks after models and machine.
    Operator,
    /// Looks after people, too.
    Admin,
}

/// A part of what can be done; an operation asks for one, a key is given some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
pub enum Scope {
    /// See one's dreams and readings.
    #[serde(rename = "dreams:read")]
    #[value(name = "dreams:read")]
    DreamsRead,
    /// Tell, read and delete one's dreams.
    #[serde(rename = "dreams:write")]
    #[value(name = "dreams:write")]
    DreamsWrite,
    /// Ask the models: text, vectors, speech.
    #[serde(rename = "inference")]
    Inference,
    /// Fetch and remove models.
    #[serde(rename = "models")]
    Models,
    /// One's own account. Keys never have it: a key must not make others.
    #[serde(rename = "account")]
    Account,
    /// Other people's accounts, the audit, the settings.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    pub const ALL: [Self; 6] = [Self::DreamsRead, Self::DreamsWrite, Self::Inference, Self::Models, Self::Account, Self::Admin];

    /// As the API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DreamsRead => "dreams:read",
            Self::DreamsWrite => "dreams:write",
            Self::Inference => "inference",
            Self::Models => "models",
            Self::Account => "account",
            Self::Admin => "admin",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl Role {
    pub const ALL: [Self; 4] = [Self::User, Self::Imam, Self::Operator, Self::Admin];

    /// As the API and the database call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Imam => "imam",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What a person of this role may do.
    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::User | Self::Imam => &[Scope::DreamsRead, Scope::DreamsWrite, Scope::Inference, Scope::Account],
            Self::Operator => &[Scope::DreamsRead, Scope::DreamsWrite, Scope::Inference, Scope::Models, Scope::Account],
            Self::Admin => &Scope::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(Role::named(role.name()), Some(role));
        }
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
            assert_eq!(Scope::named(scope.name()), Some(scope));
        }
    }

    #[test]
    fn only_admins_reach_other_people() {
        let admins: Vec<Role> = Role::ALL.into_iter().filter(|role| role.scopes().contains(&Scope::Admin)).collect();
        assert_eq!(admins, [Role::Admin]);
        let operators: Vec<Role> = Role::ALL.into_iter().filter(|role| role.scopes().contains(&Scope::Models)).collect();
        assert_eq!(operators, [Role::Operator, Role::Admin]);
    }
}
