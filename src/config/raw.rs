//! What one source of settings says, before it is checked. The same structs read the command line and the file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, builder::FalseyValueParser};
use serde::{Deserialize, Serialize};

/// One source's settings; absent ones are left to the next source.
///
/// What a person reads about a setting is made from these fields (see [`super::explain`]): the comment is its meaning and
/// ends with its default in brackets; a flag that is hidden is not told, the file and the variable then are the ways to
/// set it. A field's id on the command line is its name, or `SECTION_NAME` where two sections share a name.
#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Configuration file [default: /etc/oneiros/oneiros.toml, or ~/.config/oneiros/oneiros.toml]
    #[arg(long, global = true, env = "ONEIROS_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub server: RawServer,
    #[command(flatten)]
    pub tls: RawTls,
    #[command(flatten)]
    pub provider: RawProvider,
    #[command(flatten)]
    pub models: RawModels,
    #[command(flatten)]
    pub speech: RawSpeech,
    #[command(flatten)]
    pub reading: RawReading,
    #[command(flatten)]
    pub api: RawApi,
    #[command(flatten)]
    pub ollama: RawOllama,
    #[command(flatten)]
    #[serde(default)]
    pub database: RawDatabase,
}

#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawServer {
    /// Address and port to listen on; beyond loopback with TLS and accounts only [default: 127.0.0.1:8420]
    #[arg(long, global = true, env = "ONEIROS_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Where models, database and sockets live [default: /var/lib/oneiros for root, else ~/.local/share/oneiros]
    #[arg(long, global = true, env = "ONEIROS_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Let nothing leave this machine, not even to fetch models
    #[arg(long, global = true, env = "ONEIROS_SEALED", num_args = 0, default_missing_value = "true", value_parser = FalseyValueParser::new())]
    pub sealed: Option<bool>,
    /// Run engines even where the kernel cannot confine them
    #[arg(long, global = true, env = "ONEIROS_ALLOW_UNSANDBOXED", num_args = 0, default_missing_value = "true", value_parser = FalseyValueParser::new())]
    pub allow_unsandboxed: Option<bool>,
    /// Who to become when started as root [default: oneiros, else nobody]
    #[arg(long, global = true, env = "ONEIROS_USER", value_name = "NAME")]
    pub user: Option<String>,
    /// Addresses of proxies, as ADDRESS or ADDRESS/BITS, whose X-Forwarded-For is believed [default: no proxy]
    #[arg(long, global = true, env = "ONEIROS_TRUSTED_PROXIES", value_name = "ADDR, ADDR", hide = true)]
    pub trusted_proxies: Option<String>,
    /// File with the key that seals secrets in the database, 32 bytes as base64; servers of one database share it
    /// [default: master.key in the state directory, made at the first start]
    #[arg(long, global = true, env = "ONEIROS_MASTER_KEY_FILE", value_name = "FILE", hide = true)]
    pub master_key_file: Option<PathBuf>,
}

/// Beyond loopback the server speaks TLS alone.
#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawTls {
    /// PEM file with the certificate and its chain; read anew when it changes [default: no TLS]
    #[arg(
        long = "tls-certificate-file",
        id = "tls_certificate_file",
        global = true,
        env = "ONEIROS_TLS_CERTIFICATE_FILE",
        value_name = "FILE",
        hide = true
    )]
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the certificate's private key [default: no TLS]
    #[arg(long = "tls-key-file", id = "tls_key_file", global = true, env = "ONEIROS_TLS_KEY_FILE", value_name = "FILE", hide = true)]
    pub key_file: Option<PathBuf>,
    /// Make an authority for this appliance alone, whose certificate people's devices are told to trust (the page /trust says how)
    #[arg(long = "tls-own-authority", id = "tls_own_authority", global = true, env = "ONEIROS_TLS_OWN_AUTHORITY", num_args = 0, default_missing_value = "true", value_parser = FalseyValueParser::new(), hide = true)]
    pub own_authority: Option<bool>,
    /// Names for which an authority is asked for a certificate, as NAME, NAME (ACME, tls-alpn-01): they must point here, and their
    /// port 443 must reach this listener; whoever sets it agrees to the authority's terms [default: no authority is asked]
    #[arg(
        long = "tls-acme-names",
        id = "tls_acme_names",
        global = true,
        env = "ONEIROS_TLS_ACME_NAMES",
        value_name = "NAME, NAME",
        hide = true
    )]
    pub acme_names: Option<String>,
    /// Directory of the authority that is asked [default: https://acme-v02.api.letsencrypt.org/directory]
    #[arg(
        long = "tls-acme-directory",
        id = "tls_acme_directory",
        global = true,
        env = "ONEIROS_TLS_ACME_DIRECTORY",
        value_name = "URL",
        hide = true
    )]
    pub acme_directory: Option<String>,
    /// E-mail address to which the authority may write [default: no address]
    #[arg(
        long = "tls-acme-contact",
        id = "tls_acme_contact",
        global = true,
        env = "ONEIROS_TLS_ACME_CONTACT",
        value_name = "ADDRESS",
        hide = true
    )]
    pub acme_contact: Option<String>,
    /// PEM file with what vouches for the authority's own server, where that is a private one [default: what this system trusts]
    #[arg(
        long = "tls-acme-authority-file",
        id = "tls_acme_authority_file",
        global = true,
        env = "ONEIROS_TLS_ACME_AUTHORITY_FILE",
        value_name = "FILE",
        hide = true
    )]
    pub acme_authority_file: Option<PathBuf>,
}

/// The client's secret comes from a file, never from the command line.
#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawProvider {
    /// Issuer of a provider of identities (OpenID Connect) by which people can log in, too, such as https://id.example.org
    /// [default: no provider]
    #[arg(
        id = "provider_issuer",
        long = "provider-issuer",
        global = true,
        env = "ONEIROS_PROVIDER_ISSUER",
        value_name = "URL",
        hide = true
    )]
    pub issuer: Option<String>,
    /// As what the provider knows this appliance; there its address for the way back is
    /// https://NAME:PORT/api/v1/session/provider/callback
    #[arg(
        id = "provider_client_id",
        long = "provider-client-id",
        global = true,
        env = "ONEIROS_PROVIDER_CLIENT_ID",
        value_name = "ID",
        hide = true
    )]
    pub client_id: Option<String>,
    /// File with the secret that the provider gave this appliance [default: no secret, as of a public client]
    #[arg(
        id = "provider_client_secret_file",
        long = "provider-client-secret-file",
        global = true,
        env = "ONEIROS_PROVIDER_CLIENT_SECRET_FILE",
        value_name = "FILE",
        hide = true
    )]
    pub client_secret_file: Option<PathBuf>,
    /// What the log-in page calls the provider [default: the issuer's host]
    #[arg(id = "provider_name", long = "provider-name", global = true, env = "ONEIROS_PROVIDER_NAME", value_name = "NAME", hide = true)]
    pub name: Option<String>,
    /// Make an account for everybody whom the provider vouches for and who has none
    #[arg(id = "provider_registration", long = "provider-registration", global = true, env = "ONEIROS_PROVIDER_REGISTRATION", num_args = 0, default_missing_value = "true", value_parser = FalseyValueParser::new(), hide = true)]
    pub registration: Option<bool>,
    /// Further hosts of the provider, as HOST or HOST:PORT, where it keeps its keys or takes codes [default: the issuer's alone]
    #[arg(
        id = "provider_hosts",
        long = "provider-hosts",
        global = true,
        env = "ONEIROS_PROVIDER_HOSTS",
        value_name = "HOST, HOST",
        hide = true
    )]
    pub hosts: Option<String>,
}

#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawModels {
    /// Set of models: starter, cpu-8g, cpu-16g, gpu-8g, gpu-24g or auto [default: auto]
    #[arg(long, global = true, env = "ONEIROS_PROFILE", value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Embedding model in place of the profile's: an id that `oneiros models list` shows [default: the profile's own]
    #[arg(long, global = true, env = "ONEIROS_EMBEDDING", value_name = "ID")]
    pub embedding: Option<String>,
    /// Address of the model hub, or of a mirror that speaks as it does [default: https://huggingface.co]
    #[arg(long, global = true, env = "ONEIROS_HUB_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub hub_endpoint: Option<String>,
    /// Threads of each engine [default: one a core]
    #[arg(long, global = true, env = "ONEIROS_THREADS", value_name = "N", hide_short_help = true)]
    pub threads: Option<u16>,
    /// Tokens that a language model's conversations share [default: 8192, or what the model was trained for]
    #[arg(long, global = true, env = "ONEIROS_CONTEXT_LENGTH", value_name = "TOKENS", hide_short_help = true)]
    pub context_length: Option<u32>,
    /// Conversations that a language model carries on at once, 1 to 64 [default: 8, or as many as there is memory for]
    #[arg(long, global = true, env = "ONEIROS_SLOTS", value_name = "N", hide_short_help = true)]
    pub slots: Option<u16>,
    /// How a language model keeps what it has read: f16, q8_0 (half the memory) or q4_0 (a quarter) [default: f16]
    #[arg(long, global = true, env = "ONEIROS_CACHE_TYPE", value_name = "TYPE", hide_short_help = true)]
    pub cache_type: Option<String>,
    /// Models that stay in memory from the start, as ID, ID; every other one that is here is loaded when somebody asks for it
    /// [default: those of the profile]
    #[arg(long, global = true, env = "ONEIROS_PINNED", value_name = "IDS", hide_short_help = true)]
    pub pinned: Option<String>,
    /// Minutes that a model which is not pinned stays in memory after its last answer, 0 to 1440 [default: 5]
    #[arg(long, global = true, env = "ONEIROS_KEEP_ALIVE_MINUTES", value_name = "MINUTES", hide_short_help = true)]
    pub keep_alive_minutes: Option<u16>,
    /// Layers of a language model on the GPU [default: as many as fit]
    #[arg(long, global = true, env = "ONEIROS_GPU_LAYERS", value_name = "N", hide_short_help = true)]
    pub gpu_layers: Option<u32>,
}

#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSpeech {
    /// The longest recording that is heard, in minutes, 1 to 600 [default: 60]
    #[arg(long = "speech-max-minutes", global = true, env = "ONEIROS_SPEECH_MAX_MINUTES", value_name = "MINUTES", hide = true)]
    pub max_minutes: Option<u16>,
}

#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawReading {
    /// TOML file with whom people can turn to, beside words of help; it takes the place of the list that comes with the executable,
    /// whose format it has [default: the executable's own list]
    #[arg(
        id = "reading_care_file",
        long = "reading-care-file",
        global = true,
        env = "ONEIROS_READING_CARE_FILE",
        value_name = "FILE",
        hide = true
    )]
    pub care_file: Option<PathBuf>,
    /// Country whose numbers come first beside words of help, as two letters of ISO 3166 such as DE [default: no country]
    #[arg(
        id = "reading_country",
        long = "reading-country",
        global = true,
        env = "ONEIROS_READING_COUNTRY",
        value_name = "COUNTRY",
        hide = true
    )]
    pub country: Option<String>,
    /// Where words of help come when somebody awake may need them: beside the reading, or instead of it [default: beside]
    #[arg(id = "reading_care", long = "reading-care", global = true, env = "ONEIROS_READING_CARE", value_name = "PLACE", hide = true)]
    pub care: Option<String>,
}

#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawApi {
    /// Further names of models under /v1, as NAME=MODEL, NAME=MODEL; a MODEL is an id, or chat, embedding or speech for the
    /// profile's own. They add to the default ones; NAME= takes one of those away [default: gpt-3.5-turbo=chat,
    /// gpt-3.5-turbo-instruct=chat, gpt-4=chat, gpt-4-turbo=chat, gpt-4o=chat, gpt-4o-mini=chat, gpt-4.1=chat,
    /// gpt-4.1-mini=chat, gpt-4.1-nano=chat, gpt-5=chat, gpt-5-mini=chat, gpt-5-nano=chat, text-embedding-3-small=embedding,
    /// text-embedding-3-large=embedding, text-embedding-ada-002=embedding, whisper-1=speech, gpt-4o-transcribe=speech,
    /// gpt-4o-mini-transcribe=speech]
    #[arg(long = "api-aliases", global = true, env = "ONEIROS_API_ALIASES", value_name = "NAME=MODEL", hide = true)]
    pub aliases: Option<String>,
}

#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawOllama {
    /// Loopback address and port for programs that speak Ollama's protocol, such as 127.0.0.1:11434 [default: no listener]
    #[arg(
        id = "ollama_listen",
        long = "ollama-listen",
        global = true,
        env = "ONEIROS_OLLAMA_LISTEN",
        value_name = "ADDR:PORT",
        hide = true
    )]
    pub listen: Option<String>,
}

/// A URL may hold a password, so it comes from a file or the environment (`DATABASE_URL`), never from the command line.
#[derive(Debug, Clone, Default, Args, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawDatabase {
    /// File with the URL of your own PostgreSQL, as its owner (also DATABASE_URL) [default: a private PostgreSQL]
    #[arg(long, global = true, env = "ONEIROS_DATABASE_URL_FILE", value_name = "FILE", hide_short_help = true)]
    pub url_file: Option<PathBuf>,
    /// File with the URL that the application itself uses (also DATABASE_APPLICATION_URL) [default: the owner's, in a lesser role]
    #[arg(long, global = true, env = "ONEIROS_DATABASE_APPLICATION_URL_FILE", value_name = "FILE", hide_short_help = true)]
    pub application_url_file: Option<PathBuf>,
}

impl RawTls {
    /// Whether anything of it is set.
    pub fn is_set(&self) -> bool {
        let acme = self.acme_names.as_deref().is_some_and(|names| names.split(',').any(|name| !name.trim().is_empty()));
        self.certificate_file.is_some() || self.key_file.is_some() || self.own_authority == Some(true) || acme
    }
}

impl RawConfig {
    /// Reads a configuration file; what is wrong in it is told by the key's name.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        super::file::parse(&text).with_context(|| format!("in the configuration file {}", path.display()))
    }

    /// The file named, else the usual one when it exists.
    pub fn config_file(&self) -> Option<PathBuf> {
        if self.config.is_some() {
            return self.config.clone();
        }
        let personal = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
            .map(|base| base.join("oneiros/oneiros.toml"));
        personal.into_iter().chain([PathBuf::from("/etc/oneiros/oneiros.toml")]).find(|path| path.is_file())
    }

    /// This source's settings, and `lower`'s where this one is silent.
    pub fn or(self, lower: Self) -> Self {
        Self {
            config: self.config.or(lower.config),
            server: RawServer {
                listen: self.server.listen.or(lower.server.listen),
                state_dir: self.server.state_dir.or(lower.server.state_dir),
                sealed: self.server.sealed.or(lower.server.sealed),
                allow_unsandboxed: self.server.allow_unsandboxed.or(lower.server.allow_unsandboxed),
                user: self.server.user.or(lower.server.user),
                trusted_proxies: self.server.trusted_proxies.or(lower.server.trusted_proxies),
                master_key_file: self.server.master_key_file.or(lower.server.master_key_file),
            },
            tls: RawTls {
                certificate_file: self.tls.certificate_file.or(lower.tls.certificate_file),
                key_file: self.tls.key_file.or(lower.tls.key_file),
                own_authority: self.tls.own_authority.or(lower.tls.own_authority),
                acme_names: self.tls.acme_names.or(lower.tls.acme_names),
                acme_directory: self.tls.acme_directory.or(lower.tls.acme_directory),
                acme_contact: self.tls.acme_contact.or(lower.tls.acme_contact),
                acme_authority_file: self.tls.acme_authority_file.or(lower.tls.acme_authority_file),
            },
            provider: RawProvider {
                issuer: self.provider.issuer.or(lower.provider.issuer),
                client_id: self.provider.client_id.or(lower.provider.client_id),
                client_secret_file: self.provider.client_secret_file.or(lower.provider.client_secret_file),
                name: self.provider.name.or(lower.provider.name),
                registration: self.provider.registration.or(lower.provider.registration),
                hosts: self.provider.hosts.or(lower.provider.hosts),
            },
            models: RawModels {
                profile: self.models.profile.or(lower.models.profile),
                embedding: self.models.embedding.or(lower.models.embedding),
                hub_endpoint: self.models.hub_endpoint.or(lower.models.hub_endpoint),
                threads: self.models.threads.or(lower.models.threads),
                context_length: self.models.context_length.or(lower.models.context_length),
                slots: self.models.slots.or(lower.models.slots),
                cache_type: self.models.cache_type.or(lower.models.cache_type),
                pinned: self.models.pinned.or(lower.models.pinned),
                keep_alive_minutes: self.models.keep_alive_minutes.or(lower.models.keep_alive_minutes),
                gpu_layers: self.models.gpu_layers.or(lower.models.gpu_layers),
            },
            api: RawApi { aliases: self.api.aliases.or(lower.api.aliases) },
            ollama: RawOllama { listen: self.ollama.listen.or(lower.ollama.listen) },
            speech: RawSpeech { max_minutes: self.speech.max_minutes.or(lower.speech.max_minutes) },
            reading: RawReading {
                care_file: self.reading.care_file.or(lower.reading.care_file),
                country: self.reading.country.or(lower.reading.country),
                care: self.reading.care.or(lower.reading.care),
            },
            database: RawDatabase {
                url_file: self.database.url_file.or(lower.database.url_file),
                application_url_file: self.database.application_url_file.or(lower.database.application_url_file),
            },
        }
    }
}
