//! Settings: raw, then validated, then immutable.
//!
//! A setting comes from the command line, else from the environment (`ONEIROS_*`), else from the configuration file,
//! else from its default. [`RawConfig`] holds what one of these sources says; [`Config::resolve`] lays them over each
//! other, checks every value and yields the [`Config`] that the rest of the program reads and never changes. [`explain`]
//! tells a person what there is to set and what is in force.

mod acme;
pub mod explain;
mod file;
mod provider;
mod raw;
mod reading;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use ipnet::IpNet;

/// A setting that reads well and cannot be used: starting again changes nothing before it is mended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnusableSetting(pub String);

pub use acme::AcmeConfig;
pub use provider::{ProviderConfig, Secret};
pub use raw::{RawApi, RawConfig, RawDatabase, RawModels, RawOllama, RawProvider, RawReading, RawServer, RawSpeech, RawTls};
pub use reading::{CarePlace, ReadingConfig};

/// Where the hub lives unless the operator names a mirror of it.
pub const DEFAULT_HUB: &str = "https://huggingface.co";
const DEFAULT_LISTEN: &str = "127.0.0.1:8420";
/// Names that clients written for OpenAI's models ask for.
const DEFAULT_ALIASES: &str = "gpt-3.5-turbo=chat,gpt-3.5-turbo-instruct=chat,gpt-4=chat,gpt-4-turbo=chat,gpt-4o=chat,gpt-4o-mini=chat,\
    gpt-4.1=chat,gpt-4.1-mini=chat,gpt-4.1-nano=chat,gpt-5=chat,gpt-5-mini=chat,gpt-5-nano=chat,\
    text-embedding-3-small=embedding,\
    text-embedding-3-large=embedding,\
    text-embedding-ada-002=embedding,\
    whisper-1=speech,gpt-4o-transcribe=speech,gpt-4o-mini-transcribe=speech";
const MAX_THREADS: u16 = 256;
const DEFAULT_KEEP_ALIVE_MINUTES: u16 = 5;
const MAX_KEEP_ALIVE_MINUTES: u16 = 24 * 60;
const MAX_SLOTS: u16 = 64;
/// A reading with its prompt does not fit into less.
const MIN_CONTEXT_LENGTH: u32 = 512;
const CACHE_TYPES: [&str; 3] = ["f16", "q8_0", "q4_0"];
const DEFAULT_RECORDING_MINUTES: u16 = 60;
/// A longer recording would hold up everybody else for hours.
const MAX_RECORDING_MINUTES: u16 = 600;

const URL_VARIABLE: &str = "DATABASE_URL";
const APPLICATION_URL_VARIABLE: &str = "DATABASE_APPLICATION_URL";
/// Settings that name a secret's file, and the variable that may hold the secret itself. Such a value is never shown.
const SECRET_VARIABLES: [(&str, &str); 2] = [("url_file", URL_VARIABLE), ("application_url_file", APPLICATION_URL_VARIABLE)];

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    /// Without it the server stays on loopback.
    pub tls: Option<TlsSource>,
    /// By which people can log in, too.
    pub provider: Option<ProviderConfig>,
    pub models: ModelsConfig,
    pub speech: SpeechConfig,
    pub reading: ReadingConfig,
    pub api: ApiConfig,
    pub ollama: OllamaConfig,
    pub database: DatabaseConfig,
}

#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Beyond loopback the server refuses it without TLS and accounts.
    pub listen: SocketAddr,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Models, database, sockets: everything that outlives the process.
    pub state_directory: PathBuf,
    /// Nothing leaves, not even to fetch models.
    pub sealed: bool,
    /// Run engines even where the kernel cannot confine them.
    pub allow_unsandboxed: bool,
    /// Who to become when started as root.
    pub user: String,
    /// Where the key that seals secrets in the database is kept, if not in the state directory.
    pub master_key_file: Option<PathBuf>,
}

/// Where certificate and key come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSource {
    /// PEM files that somebody else renews: the certificate with its chain, and its key.
    Files { certificate: PathBuf, key: PathBuf },
    /// An authority of this appliance's own, which the devices of its people are told to trust.
    OwnAuthority,
    /// An authority that is asked for one, by ACME, and again before it ends.
    Acme(AcmeConfig),
}

impl ServerConfig {
    /// The folder of the Unix socket through which the command line reaches a running server, and the socket's name in it.
    pub fn socket(&self) -> (&Path, &'static str) {
        (&self.state_directory, "oneiros.sock")
    }

    /// Where the private PostgreSQL keeps its data.
    pub fn database_directory(&self) -> PathBuf {
        self.state_directory.join("postgresql")
    }

    /// The folder of the private PostgreSQL's own `bin/`.
    pub fn database_binaries(&self) -> PathBuf {
        self.state_directory.join("artefacts/postgresql-18/postgresql")
    }
}

#[derive(Debug, Clone)]
pub struct ModelsConfig {
    /// A profile of the catalogue, or `auto`.
    pub profile: String,
    /// The embedding model that takes the place of the profile's.
    pub embedding: Option<String>,
    pub hub_endpoint: String,
    /// Threads of each engine.
    pub threads: u16,
    /// The models that stay in memory; `None`: the profile's.
    pub pinned: Option<Vec<String>>,
    /// How long any other stays there after its last answer.
    pub keep_alive: Duration,
    /// What a language model's engine is to have.
    pub llm: LlmConfig,
}

/// How language models run. What is absent is settled for each model when its memory is computed.
#[derive(Debug, Clone)]
pub struct LlmConfig {
    pub context_length: Option<u32>,
    pub slots: Option<u16>,
    /// `f16`, `q8_0` or `q4_0`.
    pub cache_type: String,
    pub gpu_layers: Option<u32>,
}

#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// The longest recording that is heard.
    pub max_minutes: u16,
}

/// The API for other programs.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Name → a model's id, or `chat`, `embedding` or `speech`.
    pub aliases: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct OllamaConfig {
    /// A loopback address; nobody listens when absent.
    pub listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, Default)]
pub struct DatabaseConfig {
    /// The owner's connection to a database of the operator's own; a private cluster when absent.
    pub url: Option<String>,
    /// The application's connection, when it is to log in as a role of its own.
    pub application_url: Option<String>,
}

impl Config {
    /// Lays the command line (with the environment) over the configuration file and checks the result.
    pub fn resolve(flags: RawConfig) -> anyhow::Result<Self> {
        let file = match flags.config_file() {
            Some(path) => RawConfig::read(&path)?,
            None => RawConfig::default(),
        };
        let raw = flags.or(file);
        Ok(Self {
            server: server(raw.server, raw.tls.is_set())?,
            tls: tls(raw.tls)?,
            provider: provider::provider(raw.provider)?,
            models: models(raw.models)?,
            speech: speech(&raw.speech)?,
            reading: reading::reading(raw.reading)?,
            api: ApiConfig { aliases: aliases(raw.api.aliases.as_deref())? },
            ollama: OllamaConfig { listen: raw.ollama.listen.as_deref().map(loopback).transpose()? },
            database: database(raw.database)?,
        })
    }
}

/// What a setting says: nothing is as good as none.
fn said(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn server(raw: RawServer, tls: bool) -> anyhow::Result<ServerConfig> {
    let listen = raw.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
    let listen = if tls { address(listen)? } else { loopback(listen)? };
    let state_directory = match raw.state_dir {
        Some(path) => std::path::absolute(&path).with_context(|| format!("{} is not a usable path", path.display()))?,
        None => default_state_directory()?,
    };
    Ok(ServerConfig {
        listen,
        state_directory,
        sealed: raw.sealed.unwrap_or(false),
        allow_unsandboxed: raw.allow_unsandboxed.unwrap_or(false),
        user: raw.user.unwrap_or_else(|| "oneiros".into()),
        trusted_proxies: raw.trusted_proxies.as_deref().map(networks).transpose()?.unwrap_or_default(),
        master_key_file: raw.master_key_file,
    })
}

fn address(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().with_context(|| format!("`{text}` is not an address to listen on: write it as ADDRESS:PORT, for example {DEFAULT_LISTEN}"))
}

fn loopback(text: &str) -> anyhow::Result<SocketAddr> {
    let listen = address(text)?;
    if !listen.ip().is_loopback() {
        bail!("listening on {listen} is refused: without [tls] the server stays on loopback; use {DEFAULT_LISTEN}");
    }
    Ok(listen)
}

fn networks(list: &str) -> anyhow::Result<Vec<IpNet>> {
    let network = |text: &str| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.with_context(|| {
            format!("`trusted_proxies` of `[server]` has `{text}`: write ADDRESS or ADDRESS/BITS, such as 10.0.0.1 or fd00::/8")
        })
    };
    list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network).collect()
}

fn tls(raw: RawTls) -> anyhow::Result<Option<TlsSource>> {
    if let Some(acme) = acme::acme(raw.clone())? {
        if raw.certificate_file.is_some() || raw.key_file.is_some() || raw.own_authority == Some(true) {
            bail!("`[tls]` names `acme_names` and another way to a certificate: one of files, `own_authority` and `acme_names` is enough");
        }
        return Ok(Some(TlsSource::Acme(acme)));
    }
    match (raw.certificate_file, raw.key_file, raw.own_authority.unwrap_or(false)) {
        (None, None, false) => Ok(None),
        (None, None, true) => Ok(Some(TlsSource::OwnAuthority)),
        (Some(certificate), Some(key), false) => Ok(Some(TlsSource::Files { certificate, key })),
        (Some(_), Some(_), true) => bail!("`[tls]` names files and an authority of its own: one of the two is enough"),
        _ => bail!("`[tls]` names a certificate without its key, or a key without its certificate: name both files"),
    }
}

/// The default aliases, with those of the operator over them.
fn aliases(own: Option<&str>) -> anyhow::Result<BTreeMap<String, String>> {
    let mut aliases = BTreeMap::new();
    for pair in [DEFAULT_ALIASES, own.unwrap_or_default()].into_iter().flat_map(|pairs| pairs.split(',')).map(str::trim) {
        match pair.split_once('=').map(|(name, model)| (name.trim(), model.trim())) {
            None if pair.is_empty() => {}
            None | Some(("", _)) => bail!("`aliases` of `[api]` has `{pair}`: write NAME=MODEL, or NAME= to take a default away"),
            Some((name, "")) => drop(aliases.remove(name)),
            Some((name, model)) => drop(aliases.insert(name.to_owned(), model.to_owned())),
        }
    }
    Ok(aliases)
}

fn models(raw: RawModels) -> anyhow::Result<ModelsConfig> {
    let threads = match raw.threads {
        Some(0) => bail!("`threads` is 0: an engine needs at least one thread"),
        Some(threads) if threads > MAX_THREADS => bail!("`threads` is {threads}: at most {MAX_THREADS} are of any use"),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(2, |cores| u16::try_from(cores.get()).unwrap_or(MAX_THREADS)),
    };
    let hub_endpoint = raw.hub_endpoint.unwrap_or_else(|| DEFAULT_HUB.into());
    if !hub_endpoint.starts_with("https://") && !hub_endpoint.starts_with("http://") {
        bail!("`hub_endpoint` is `{hub_endpoint}`: it must begin with https:// (or http:// for a mirror on this machine)");
    }
    Ok(ModelsConfig {
        profile: raw.profile.unwrap_or_else(|| "auto".into()),
        embedding: raw.embedding.filter(|id| !id.is_empty()),
        hub_endpoint: hub_endpoint.trim_end_matches('/').into(),
        threads,
        pinned: raw.pinned.as_deref().map(identifiers),
        keep_alive: keep_alive(raw.keep_alive_minutes)?,
        llm: LlmConfig {
            context_length: context_length(raw.context_length)?,
            slots: slots(raw.slots)?,
            cache_type: cache_type(raw.cache_type)?,
            gpu_layers: raw.gpu_layers,
        },
    })
}

fn identifiers(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

fn keep_alive(minutes: Option<u16>) -> anyhow::Result<Duration> {
    match minutes.unwrap_or(DEFAULT_KEEP_ALIVE_MINUTES) {
        minutes if minutes <= MAX_KEEP_ALIVE_MINUTES => Ok(Duration::from_secs(60 * u64::from(minutes))),
        minutes => bail!("`keep_alive_minutes` is {minutes}: at most {MAX_KEEP_ALIVE_MINUTES} can be kept; pin a model that is to stay"),
    }
}

fn context_length(tokens: Option<u32>) -> anyhow::Result<Option<u32>> {
    match tokens {
        Some(tokens) if tokens < MIN_CONTEXT_LENGTH => {
            bail!("`context_length` is {tokens}: a prompt and its answer need {MIN_CONTEXT_LENGTH} tokens at least")
        }
        tokens => Ok(tokens),
    }
}

fn slots(slots: Option<u16>) -> anyhow::Result<Option<u16>> {
    match slots {
        Some(slots) if !(1..=MAX_SLOTS).contains(&slots) => {
            bail!("`slots` is {slots}: 1 to {MAX_SLOTS} conversations can be carried on at once")
        }
        slots => Ok(slots),
    }
}

fn cache_type(name: Option<String>) -> anyhow::Result<String> {
    match name.unwrap_or_else(|| CACHE_TYPES[0].into()) {
        name if CACHE_TYPES.contains(&name.as_str()) => Ok(name),
        name => bail!("`cache_type` is `{name}`: choose one of {}", CACHE_TYPES.join(", ")),
    }
}

fn speech(raw: &RawSpeech) -> anyhow::Result<SpeechConfig> {
    let max_minutes = raw.max_minutes.unwrap_or(DEFAULT_RECORDING_MINUTES);
    if !(1..=MAX_RECORDING_MINUTES).contains(&max_minutes) {
        bail!("`max_minutes` of `[speech]` is {max_minutes}: recordings of 1 to {MAX_RECORDING_MINUTES} minutes can be taken");
    }
    Ok(SpeechConfig { max_minutes })
}

fn database(raw: RawDatabase) -> anyhow::Result<DatabaseConfig> {
    let from_file = |path: Option<PathBuf>| -> anyhow::Result<Option<String>> {
        let Some(path) = path else { return Ok(None) };
        let text = std::fs::read_to_string(&path).with_context(|| format!("the database URL's file {} cannot be read", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    };
    let config = DatabaseConfig {
        url: secret_variable(URL_VARIABLE).map_or_else(|| from_file(raw.url_file), |url| Ok(Some(url)))?,
        application_url: secret_variable(APPLICATION_URL_VARIABLE)
            .map_or_else(|| from_file(raw.application_url_file), |url| Ok(Some(url)))?,
    };
    if config.application_url.is_some() && config.url.is_none() {
        bail!("an application URL is set without DATABASE_URL: the owner's connection is needed for migrations");
    }
    Ok(config)
}

/// A variable that holds a secret, unless it is empty.
fn secret_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `/var/lib/oneiros` for the service, `$XDG_DATA_HOME/oneiros` for a person.
fn default_state_directory() -> anyhow::Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(given) = variable("STATE_DIRECTORY") {
        return Ok(given);
    }
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/oneiros".into());
    }
    variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("oneiros"))
        .context("there is no home directory to keep state in: name one with --state-dir")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> RawConfig {
        file::parse(text).expect("valid file")
    }

    #[test]
    fn the_flag_wins_over_the_file() {
        let flags = RawConfig { server: RawServer { listen: Some("127.0.0.1:1".into()), ..Default::default() }, ..Default::default() };
        let merged = flags.or(raw("[server]\nlisten = \"127.0.0.1:2\"\nsealed = true\n"));
        assert_eq!(merged.server.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(merged.server.sealed, Some(true));
    }

    #[test]
    fn an_address_beyond_loopback_is_refused() {
        let error = server(RawServer { listen: Some("0.0.0.0:8420".into()), ..Default::default() }, false).expect_err("not loopback");
        assert!(error.to_string().contains("loopback"), "{error}");
        assert!(
            server(RawServer { listen: Some("[::1]:8420".into()), state_dir: Some("/tmp/x".into()), ..Default::default() }, false).is_ok()
        );
    }

    #[test]
    fn tls_opens_what_is_beyond_loopback_and_needs_both_files() {
        let read = |text: &str| {
            Config::resolve(
                RawConfig { server: RawServer { state_dir: Some("/tmp/x".into()), ..Default::default() }, ..raw(text) }.or(raw(text)),
            )
        };
        let config = read("[server]\nlisten = \"0.0.0.0:8420\"\n[tls]\nown_authority = true\n").expect("TLS");
        assert_eq!((config.tls, config.server.listen.ip().is_unspecified()), (Some(TlsSource::OwnAuthority), true));
        let asked = read("[server]\nlisten = \"0.0.0.0:8420\"\n[tls]\nacme_names = \"dreams.example.org\"\n").expect("ACME");
        assert!(matches!(asked.tls, Some(TlsSource::Acme(acme)) if acme.names == ["dreams.example.org"]));
        assert!(read("[tls]\nown_authority = true\nacme_names = \"dreams.example.org\"\n").is_err(), "one way is enough");
        for text in ["[tls]\nkey_file = \"/k\"\n", "[tls]\ncertificate_file = \"/c\"\nkey_file = \"/k\"\nown_authority = true\n"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("[server]\nlisten = \"0.0.0.0:8420\"\n").is_err());
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        assert_eq!(networks("10.0.0.1, fd00::/8,").expect("two").len(), 2);
        let error = networks("proxy.local").expect_err("a name").to_string();
        assert!(error.contains("proxy.local") && error.contains("ADDRESS/BITS"), "{error}");
    }

    #[test]
    fn the_longest_recording_is_an_hour_unless_it_is_set() {
        let minutes = |text: &str| speech(&raw(text).speech).map(|speech| speech.max_minutes);
        assert_eq!(minutes("").unwrap(), 60);
        assert_eq!(minutes("[speech]\nmax_minutes = 5\n").unwrap(), 5);
        assert!(minutes("[speech]\nmax_minutes = 0\n").is_err());
    }

    #[test]
    fn what_no_language_model_can_run_with_is_refused_by_the_keys_name() {
        for (text, key) in [
            ("context_length = 100", "context_length"),
            ("slots = 0", "slots"),
            ("slots = 65", "slots"),
            ("cache_type = \"q5_1\"", "cache_type"),
        ] {
            let error = models(raw(&format!("[models]\n{text}\n")).models).expect_err(text);
            assert!(error.to_string().starts_with(&format!("`{key}` is ")), "{error}");
        }
        let llm = models(raw("[models]\ncontext_length = 2048\nslots = 4\ncache_type = \"q8_0\"\n").models).unwrap().llm;
        assert_eq!((llm.context_length, llm.slots, llm.cache_type.as_str(), llm.gpu_layers), (Some(2048), Some(4), "q8_0", None));
    }

    #[test]
    fn aliases_add_to_the_default_ones_and_take_them_away() {
        let with = aliases(Some("mine=smollm2-135m-instruct, gpt-4=, whisper-1=whisper-base")).unwrap();
        assert_eq!(with.get("mine").map(String::as_str), Some("smollm2-135m-instruct"));
        assert_eq!((with.get("gpt-4"), with.get("gpt-4o").map(String::as_str)), (None, Some("chat")));
        assert_eq!(with.get("whisper-1").map(String::as_str), Some("whisper-base"));
        assert!(aliases(Some("mine")).is_err() && aliases(Some("=chat")).is_err());
    }

    #[test]
    fn the_default_aliases_are_told() {
        let settings = explain::settings();
        let told = settings.iter().find(|setting| setting.key == "aliases").and_then(|setting| setting.default.as_deref());
        assert_eq!(aliases(told).unwrap(), aliases(None).unwrap());
        assert_eq!(told.unwrap_or_default().split(',').count(), aliases(None).unwrap().len());
    }

    #[test]
    fn zero_threads_are_refused() {
        assert!(models(RawModels { threads: Some(0), ..Default::default() }).is_err());
        assert!(models(RawModels { hub_endpoint: Some("ftp://mirror".into()), ..Default::default() }).is_err());
    }
}
