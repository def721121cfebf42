//! The feature over HTTP.

mod account;
mod admin;
mod cookies;
mod doors;
mod passkeys;
mod providers;
mod second_factor;
mod tokens;
mod visitor;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use visitor::visitor;

use super::AccountService;

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<AccountService>> {
    OpenApiRouter::new()
        .routes(routes!(doors::show_session, doors::log_in, doors::log_out))
        .routes(routes!(doors::set_up))
        .routes(routes!(doors::register))
        .routes(routes!(doors::reset_password))
        .routes(routes!(account::show_account, account::change_account))
        .routes(routes!(account::change_password))
        .routes(routes!(account::list_sessions))
        .routes(routes!(account::revoke_session))
        .routes(routes!(account::list_keys, account::make_key))
        .routes(routes!(account::revoke_key))
        .routes(routes!(passkeys::begin_passkey))
        .routes(routes!(passkeys::add_passkey))
        .routes(routes!(passkeys::remove_passkey))
        .routes(routes!(passkeys::begin_passkey_log_in))
        .routes(routes!(passkeys::log_in_by_passkey))
        .routes(routes!(second_factor::show_second_factor))
        .routes(routes!(second_factor::offer_authenticator))
        .routes(routes!(second_factor::confirm_authenticator))
        .routes(routes!(second_factor::remove_authenticator))
        .routes(routes!(second_factor::renew_recovery_codes))
        .routes(routes!(second_factor::remove_second_factor_of_user))
        .routes(routes!(providers::depart))
        .routes(routes!(providers::arrive))
        .routes(routes!(providers::list_identities, providers::link_identity))
        .routes(routes!(providers::remove_identity))
        .routes(routes!(tokens::log_app_in))
        .routes(routes!(tokens::refresh_tokens))
        .routes(routes!(tokens::revoke_tokens))
        .routes(routes!(account::export_account))
        .routes(routes!(account::erase_account))
        .routes(routes!(admin::list_users, admin::add_user))
        .routes(routes!(admin::change_user))
        .routes(routes!(admin::offer_password_reset))
        .routes(routes!(admin::make_key_for_user))
        .routes(routes!(admin::list_invitations, admin::invite))
        .routes(routes!(admin::withdraw_invitation))
        .routes(routes!(admin::list_audit))
        .routes(routes!(admin::show_settings, admin::change_settings))
}
