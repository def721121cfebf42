//! What a person says of themselves, checked.

use crate::error::{Error, Result};

const LONGEST_PLACE: usize = 100;
const LONGEST_ZONE: usize = 64;
const LONGEST_HOST_NAME: usize = 253;

/// A language of ISO 639-1.
pub fn language(field: &str, code: &str) -> Result<String> {
    let code = code.trim().to_ascii_lowercase();
    if isolang::Language::from_639_1(&code).is_some() {
        Ok(code)
    } else {
        Err(Error::invalid(field, "must be a code of ISO 639-1, such as en, ru or ar"))
    }
}

/// A time zone by its IANA name. Which there are, the browser knows that shows times in it.
pub fn time_zone(field: &str, name: &str) -> Result<String> {
    let name = name.trim();
    let letters = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'));
    if name.len() <= LONGEST_ZONE && name.split('/').all(letters) {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid(field, "must be the IANA name of a time zone, such as Europe/Istanbul or UTC"))
    }
}

/// A place as a person writes it.
pub fn place(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=LONGEST_PLACE).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid(field, format!("must be 1 to {LONGEST_PLACE} characters, or null")))
    }
}

/// A host name (RFC 1123), without port.
pub fn host_name(field: &str, text: &str) -> Result<String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    if name.len() <= LONGEST_HOST_NAME && name.split('.').all(label) && !is_address {
        Ok(name)
    } else {
        Err(Error::invalid(field, "must be a host name such as dreams.home.arpa, without http:// and without a port"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_names() {
        assert_eq!(host_name("h", " Dreams.Home.arpa. ").unwrap(), "dreams.home.arpa");
        assert_eq!(host_name("h", "box").unwrap(), "box");
        for wrong in ["", "a b", "http://box", "box:8420", "192.168.1.5", "-a.example", "a..b", "кот.рф", &"a".repeat(64)] {
            assert!(host_name("h", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn zones_places_and_languages() {
        assert!(
            time_zone("t", "America/Argentina/Buenos_Aires").is_ok()
                && time_zone("t", "UTC").is_ok()
                && time_zone("t", "Etc/GMT+3").is_ok()
        );
        assert!(time_zone("t", "").is_err() && time_zone("t", "../etc/passwd").is_err() && time_zone("t", "a//b").is_err());
        assert_eq!(place("p", " Казань ").unwrap(), "Казань");
        assert!(place("p", "").is_err() && place("p", "a\nb").is_err() && place("p", &"x".repeat(101)).is_err());
        assert_eq!(language("l", "RU").unwrap(), "ru");
        assert!(language("l", "xx").is_err());
    }
}
