//! The feature over HTTP.

mod account;
mod admin;
mod cookies;
mod doors;
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
