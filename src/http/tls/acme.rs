//! A certificate from an authority that is asked for it (ACME, RFC 8555), and again when a third of its life is left.
//!
//! Owns the account's key (`acme-account.json`), the certificate with its key (`acme.pem`) and what went wrong before
//! (`acme-failures.json`), all below `tls/` in the state directory. Whatever the authority does, the server goes on.

mod ask;
mod failures;
mod given;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use time::OffsetDateTime;

use super::{
    Shown,
    authority::{make_folder, read, write},
    made,
};
use crate::{config::AcmeConfig, egress::Egress};
use ask::Asking;
use failures::Failures;
use given::Given;

/// How long at most the clock is not looked at: a machine that slept finds out what it missed.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);

pub struct Acme {
    wish: AcmeConfig,
    folder: PathBuf,
    shown: Arc<Shown>,
}

impl Acme {
    /// Shows what the authority gave before, or a certificate of our own that names what clients call this appliance (`names`).
    pub(super) fn open(wish: AcmeConfig, folder: &Path, names: &[String]) -> Result<Self> {
        make_folder(folder)?;
        let certificate = folder.join("acme.pem");
        let given = stored(&certificate).filter(|given| given.ends > OffsetDateTime::now_utc());
        let first = match given {
            Some(given) => given.key,
            None => {
                tracing::info!("a certificate that nobody vouches for is shown until the authority has given one");
                made::makeshift(&wish.names.iter().chain(names).cloned().collect::<Vec<_>>())?
            }
        };
        Ok(Self { wish, folder: folder.to_owned(), shown: Arc::new(Shown::new(first)) })
    }

    pub(super) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    pub fn names(&self) -> &[String] {
        &self.wish.names
    }

    /// Asks for certificates whenever one is due, for ever. The server must listen by now: the authority looks there.
    pub async fn keep(&self, egress: &Arc<Egress>) {
        let path = self.folder.join("acme-failures.json");
        let mut failures = Failures::known(&path, &self.wish, OffsetDateTime::now_utc());
        loop {
            self.wait(&mut failures).await;
            // Noted before it has failed: a server that dies over it must not ask at once when it starts again.
            let attempt = Failures::after(failures.take(), &self.wish, chance());
            let asked = match attempt.keep(&path) {
                Ok(()) => self.ask(egress).await,
                Err(error) => Err(Refusal { said: format!("{error:#}"), pause: None }),
            };
            match asked {
                Ok(given) => {
                    tracing::info!(names = ?self.wish.names, until = %given.ends, "the authority gave a certificate");
                    Failures::forget(&path);
                    self.shown.replace(given.key);
                    // Whatever becomes of the file: authorities count what they give.
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(refusal) => failures = Some(self.note(attempt, refusal, &path)),
            }
        }
    }

    /// When the authority is to be asked next. `spread`: 0 to 1.
    fn due(&self, failures: Option<&Failures>, spread: f64) -> OffsetDateTime {
        let given = stored(&self.certificate()).filter(|given| given.is(&self.wish.names, &self.wish.directory));
        let wanted = given.map_or(OffsetDateTime::UNIX_EPOCH, |given| given.renewal(spread));
        failures.map_or(wanted, |failures| failures.next_try.max(wanted))
    }

    /// Until the authority is to be asked: that is reckoned again and again, since clocks are set and files are put back.
    async fn wait(&self, failures: &mut Option<Failures>) {
        let (spread, mut told) = (chance(), None);
        loop {
            let now = OffsetDateTime::now_utc();
            *failures = failures.take().filter(|failures| failures.are_possible(now));
            let due = self.due(failures.as_ref(), spread);
            let left = Duration::try_from(due - now).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            if told.replace(due) != Some(due) {
                tracing::info!(at = %due, "the authority is asked for a certificate then");
            }
            tokio::time::sleep(left.min(LOOK_AGAIN)).await;
        }
    }

    async fn ask(&self, egress: &Arc<Egress>) -> Result<Given, Refusal> {
        let asking = Asking::new(&self.wish, self.folder.join("acme-account.json"), &self.shown, egress);
        let given = asking.certificate().await.and_then(|file| {
            let given = Given::read(&file).context("what the authority gave is no certificate")?;
            self.check(&given)?;
            write(&self.certificate(), &file)?;
            Ok(given)
        });
        given.map_err(|error| Refusal { said: ask::in_words(&error), pause: asking.pause(&error) })
    }

    /// One that would have to be asked for again at once is a failure: else nothing would end the asking.
    fn check(&self, given: &Given) -> Result<()> {
        if !given.is(&self.wish.names, &self.wish.directory) {
            bail!("the authority gave a certificate that lacks names");
        }
        if given.renewal(0.0) <= OffsetDateTime::now_utc() {
            bail!("the authority gave a certificate that ends at {}, too soon: is this machine's clock right?", given.ends);
        }
        Ok(())
    }

    fn note(&self, attempt: Failures, Refusal { said, pause }: Refusal, path: &Path) -> Failures {
        let failures = attempt.refused(said.clone(), pause, chance());
        tracing::warn!(
            names = ?self.wish.names,
            next_try = %failures.next_try,
            "there is no certificate: {said}. See that the names point to this machine, and that their port 443 reaches this listener; to \
             have it tried sooner, remove {} and start again",
            path.display()
        );
        if let Err(error) = failures.keep(path) {
            tracing::warn!(error = format!("{error:#}"), "that cannot be noted");
        }
        failures
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("acme.pem")
    }
}

/// Why there is no certificate, and how long the authority wants to be left alone.
struct Refusal {
    said: String,
    pause: Option<Duration>,
}

/// What the authority gave before. A file that cannot be used is none: the authority will be asked for another.
fn stored(path: &Path) -> Option<Given> {
    match read(path).and_then(|file| file.as_deref().map(Given::read).transpose()) {
        Ok(given) => given,
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "{} cannot be used, and another certificate is asked for", path.display());
            None
        }
    }
}

/// Between 0 and 1.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
