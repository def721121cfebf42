//! `oneiros admin`: people and keys, on the server that runs on this state directory. File permissions on its socket say who
//! may.

use std::{
    io::{IsTerminal as _, Read as _},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    client::{Client, Content},
    output::{print_json, print_line},
};
use crate::{
    config::Config,
    features::accounts::{Role, Scope},
};

/// More than a password can have.
const MOST_PASSWORD_BYTES: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub struct AdminArguments {
    #[command(subcommand)]
    command: AdminCommand,
    /// Answer as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// People
    #[command(subcommand)]
    User(UserCommand),
    /// Keys of programs
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make a person; the first one becomes the admin. The password is asked for, or read from standard input
    Add {
        name: String,
        #[arg(long, value_enum, default_value_t = Role::User)]
        role: Role,
        #[arg(long)]
        email: Option<String>,
    },
    /// Who there is
    List,
    /// Make somebody a user, imam, operator or admin
    Role {
        name: String,
        #[arg(value_enum)]
        role: Role,
    },
    /// End every session, key and open stream of somebody, and let them in no more
    Suspend {
        name: String,
        /// Let them in again
        #[arg(long)]
        undo: bool,
    },
    /// Print a code with which somebody sets a new password, once, within a day
    ResetPassword { name: String },
    /// Take authenticator, passkeys and recovery codes of somebody away who lost them
    ResetSecondFactor { name: String },
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key and print it, this once
    Create {
        /// Whose key it is
        #[arg(long)]
        user: String,
        /// What it may do; several are possible
        #[arg(long = "scope", value_enum, required = true)]
        scopes: Vec<Scope>,
        /// What it is for
        #[arg(long, default_value = "made on the command line")]
        name: String,
        /// Days until it opens nothing any more; for ever when absent
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
}

pub async fn run(arguments: AdminArguments, config: Config) -> anyhow::Result<ExitCode> {
    // Asked for before anything else: whoever types must not wait for a server that is not there.
    let Some(client) = Client::running(&config).await? else {
        bail!("no server runs on {}: start it (`oneiros serve`), then run this again", config.server.state_directory.display());
    };
    let mut desk = Desk { client, json: arguments.json };
    match arguments.command {
        AdminCommand::User(UserCommand::Add { name, role, email }) => desk.add(&name, role, email.as_deref()).await?,
        AdminCommand::User(UserCommand::List) => desk.list().await?,
        AdminCommand::User(UserCommand::Role { name, role }) => desk.change(&name, &json!({ "role": role })).await?,
        AdminCommand::User(UserCommand::Suspend { name, undo }) => desk.change(&name, &json!({ "suspended": !undo })).await?,
        AdminCommand::User(UserCommand::ResetPassword { name }) => desk.reset_password(&name).await?,
        AdminCommand::User(UserCommand::ResetSecondFactor { name }) => desk.reset_second_factor(&name).await?,
        AdminCommand::Key(KeyCommand::Create { user, scopes, name, expires_in_days }) => {
            desk.make_key(&user, &json!({ "name": name, "scopes": scopes, "expires_in_days": expires_in_days })).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where admins are served.
struct Desk {
    client: Client,
    json: bool,
}

impl Desk {
    async fn add(&mut self, name: &str, role: Role, email: Option<&str>) -> anyhow::Result<()> {
        let password = read_password(name)?;
        let person = json!({ "name": name, "role": role, "email": email, "password": password });
        let id = self.call(Method::POST, "/api/v1/users", Some(&person)).await?;
        self.tell(&json!({ "id": id }), &format!("{name} is here as {}.", role.name()))
    }

    async fn list(&mut self) -> anyhow::Result<()> {
        let people = self.people().await?;
        if self.json {
            return print_json(&people);
        }
        if people.is_empty() {
            return print_line("Nobody has an account yet: whoever sits at this machine uses the appliance.");
        }
        let text = |person: &Value, field: &str| person[field].as_str().unwrap_or("-").to_owned();
        let width = people.iter().map(|person| text(person, "name").chars().count()).max().unwrap_or_default();
        for person in &people {
            let state = if person["suspended"] == true { "suspended" } else { "" };
            let (name, role, seen) = (text(person, "name"), text(person, "role"), text(person, "last_seen_at"));
            print_line(format!("{name:<width$}  {role:<8}  last seen {seen}  {state}").trim_end())?;
        }
        Ok(())
    }

    async fn change(&mut self, name: &str, change: &Value) -> anyhow::Result<()> {
        let id = self.id_of(name).await?;
        let person = self.call(Method::PATCH, &format!("/api/v1/users/{id}"), Some(change)).await?;
        let state = if person["suspended"] == true { ", suspended" } else { "" };
        self.tell(&person, &format!("{name} is {}{state}.", person["role"].as_str().unwrap_or_default()))
    }

    async fn reset_password(&mut self, name: &str) -> anyhow::Result<()> {
        let id = self.id_of(name).await?;
        let code = self.call(Method::POST, &format!("/api/v1/users/{id}/password-reset"), None).await?;
        let shown = code["code"].as_str().context("the server gave no code")?;
        self.tell(&code, &format!("{shown}\nGive this code to {name}: it sets a new password on the page /reset, once, within a day."))
    }

    async fn reset_second_factor(&mut self, name: &str) -> anyhow::Result<()> {
        let id = self.id_of(name).await?;
        self.call(Method::POST, &format!("/api/v1/users/{id}/second-factor/removal"), None).await?;
        self.tell(&json!({ "id": id }), &format!("{name} comes in by password alone again, until a new second factor is set up."))
    }

    async fn make_key(&mut self, name: &str, key: &Value) -> anyhow::Result<()> {
        let id = self.id_of(name).await?;
        let made = self.call(Method::POST, &format!("/api/v1/users/{id}/keys"), Some(key)).await?;
        let shown = made["key"].as_str().context("the server gave no key")?.to_owned();
        self.tell(&made, &shown)
    }

    fn tell(&self, value: &Value, text: &str) -> anyhow::Result<()> {
        if self.json { print_json(value) } else { print_line(text) }
    }

    async fn people(&mut self) -> anyhow::Result<Vec<Value>> {
        let (mut people, mut path) = (Vec::new(), "/api/v1/users?limit=100".to_owned());
        loop {
            let page = self.call(Method::GET, &path, None).await?;
            people.extend(page["users"].as_array().cloned().unwrap_or_default());
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(people) };
            path = format!("/api/v1/users?limit=100&cursor={cursor}");
        }
    }

    /// By name or id.
    async fn id_of(&mut self, name: &str) -> anyhow::Result<String> {
        let people = self.people().await?;
        let is_meant = |person: &&Value| {
            let is = |field: &str| person[field].as_str().is_some_and(|value| value.to_lowercase() == name.to_lowercase());
            is("name") || is("id")
        };
        let id = people.iter().find(is_meant).and_then(|person| person["id"].as_str());
        id.map(str::to_owned).with_context(|| format!("nobody is called {name}: `oneiros admin user list` shows who there is"))
    }

    async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        self.client.call(method, path, body.map(Content::json)).await
    }
}

/// Never from the command line, where every process of the machine could read it.
fn read_password(name: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        let once = rpassword::prompt_password(format!("Password for {name}: ")).context("the password cannot be read")?;
        let again = rpassword::prompt_password("Once more: ").context("the password cannot be read")?;
        if once != again {
            bail!("the two passwords differ: nothing was changed");
        }
        return Ok(once);
    }
    let mut text = String::new();
    std::io::stdin().take(MOST_PASSWORD_BYTES).read_to_string(&mut text).context("the password on standard input is not text")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
