//! Codes of authenticator apps: TOTP (RFC 6238) as every app knows it, with SHA-1, six digits and steps of thirty seconds.

use std::time::{SystemTime, UNIX_EPOCH};

use totp_rs::{Builder, Secret, Totp};

/// What RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
const ISSUER: &str = "Oneiros";

/// A random secret.
pub fn new_secret() -> anyhow::Result<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the kernel gave no random numbers: {error}"))?;
    Ok(bytes)
}

/// The secret in base32, and the address that apps read from a QR code.
pub fn shown(secret: &[u8], person: &str) -> anyhow::Result<(String, String)> {
    // A colon would end the issuer's name.
    let totp = Builder::new().with_secret(Secret::new(secret.into())).with_issuer(Some(ISSUER)).with_account_name(person.replace(':', " "));
    let totp = totp.build().map_err(|error| anyhow::anyhow!("no address of an authenticator: {error}"))?;
    let address = totp.to_url().map_err(|error| anyhow::anyhow!("no address of an authenticator: {error}"))?;
    Ok((totp.secret().to_base32(), address))
}

/// The step of time whose code this is: the present one, or the one before or after it.
pub fn step_of(secret: &[u8], code: &str, now: SystemTime) -> anyhow::Result<Option<i64>> {
    let totp: Totp = Builder::new()
        .with_secret(Secret::new(secret.into()))
        .build()
        .map_err(|error| anyhow::anyhow!("an authenticator's secret cannot be used: {error}"))?;
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let digits: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    Ok(totp.check(&digits, seconds).and_then(|step| i64::try_from(step).ok()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Of RFC 6238, appendix B; its codes have eight digits, of which these are the last six.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")] {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            let step = i64::try_from(seconds / 30).unwrap();
            assert_eq!(step_of(secret, code, now).unwrap(), Some(step));
            assert_eq!(step_of(secret, &format!(" {} {} ", &code[..3], &code[3..]), now).unwrap(), Some(step));
            assert_eq!(step_of(secret, code, now + Duration::from_secs(30)).unwrap(), Some(step), "a step late");
            assert_eq!(step_of(secret, code, now + Duration::from_secs(365 * 24 * 3600)).unwrap(), None, "a year off");
            assert_eq!(step_of(secret, code, now + Duration::from_secs(90)).unwrap(), None);
        }
        for no_code in ["", "1", "12345", "1234567", "abcdef", "２８７０８２", "-87082", "999999999999999999999"] {
            assert_eq!(step_of(secret, no_code, UNIX_EPOCH + Duration::from_secs(59)).unwrap(), None, "{no_code}");
        }
    }

    #[test]
    fn apps_can_read_the_address() {
        let (secret, address) = shown(b"12345678901234567890", "Ада: l'été").unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(address.starts_with("otpauth://totp/Oneiros:") && address.contains("issuer=Oneiros"), "{address}");
        assert!(address.contains(&format!("secret={secret}")) && !address.contains(' '), "{address}");
    }
}
