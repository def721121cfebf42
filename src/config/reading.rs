//! What stands beside readings: words of help, and whom people can turn to.

use std::path::PathBuf;

use anyhow::bail;

use super::{RawReading, said};

/// Where words of help stand unless the operator decides otherwise.
const DEFAULT_PLACE: &str = "beside";

#[derive(Debug, Clone)]
pub struct ReadingConfig {
    /// Takes the place of the list that comes with the executable; it is read when the server starts.
    pub care_file: Option<PathBuf>,
    /// ISO 3166, in capitals.
    pub country: Option<String>,
    pub care: CarePlace,
}

/// Where words of help come to somebody who may need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarePlace {
    /// The reading comes as well.
    Beside,
    /// The dream is kept, and no model reads it.
    Instead,
}

pub(super) fn reading(raw: RawReading) -> anyhow::Result<ReadingConfig> {
    Ok(ReadingConfig {
        care_file: raw.care_file.filter(|path| !path.as_os_str().is_empty()),
        country: said(raw.country).map(|code| country(&code)).transpose()?,
        care: place(said(raw.care).as_deref().unwrap_or(DEFAULT_PLACE))?,
    })
}

fn country(code: &str) -> anyhow::Result<String> {
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        bail!("`country` of `[reading]` is `{code}`: write the two letters of ISO 3166, such as DE or EG");
    }
    Ok(code.to_ascii_uppercase())
}

fn place(name: &str) -> anyhow::Result<CarePlace> {
    match name {
        DEFAULT_PLACE => Ok(CarePlace::Beside),
        "instead" => Ok(CarePlace::Instead),
        _ => bail!("`care` of `[reading]` is `{name}`: choose one of beside, instead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(country: &str, care: &str) -> anyhow::Result<ReadingConfig> {
        reading(RawReading { care_file: Some("".into()), country: Some(country.into()), care: Some(care.into()) })
    }

    #[test]
    fn words_of_help_stand_beside_the_reading_and_name_no_country_unless_set() {
        let silent = with("", " ").unwrap();
        assert_eq!((silent.care_file, silent.country, silent.care), (None, None, CarePlace::Beside));
        let set = with(" de ", "instead").unwrap();
        assert_eq!((set.country.as_deref(), set.care), (Some("DE"), CarePlace::Instead));
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_keys_name() {
        for (country, care, key) in [("DEU", "beside", "country"), ("d3", "beside", "country"), ("DE", "above", "care")] {
            let error = with(country, care).expect_err(key).to_string();
            assert!(error.starts_with(&format!("`{key}` of `[reading]` is ")), "{error}");
        }
    }
}
