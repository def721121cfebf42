//! Whom to turn to: a file that comes with the executable, or the operator's own.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use anyhow::Context as _;
use serde::Deserialize;

use super::{CareTopic, files::RESOURCES, model::CareResource};

/// Bytes that a file may have.
const MOST_BYTES: u64 = 1 << 20;

/// Everybody to turn to, in order of the file.
#[derive(Debug, Clone)]
pub struct Resources(Vec<Entry>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceFile {
    #[serde(rename = "resource")]
    resources: Vec<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// ISO 3166; empty: everywhere.
    #[serde(default)]
    country: String,
    name: String,
    phone: Option<String>,
    url: Option<String>,
    hours: Option<String>,
    /// By language.
    #[serde(default)]
    about: BTreeMap<String, String>,
    /// Empty: all of them.
    #[serde(default)]
    topics: Vec<CareTopic>,
}

impl Resources {
    /// Those that come with the executable.
    pub fn embedded() -> Self {
        Self::parse(RESOURCES).expect("assets/care/resources.toml is checked by a test")
    }

    /// The operator's own.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let mut bytes = Vec::new();
        let file = File::open(path).with_context(|| format!("the file of resources {name} cannot be read"))?;
        // One byte more than allowed tells that there are too many, of whatever the path leads to.
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("the file of resources {name} cannot be read"))?;
        anyhow::ensure!(bytes.len() as u64 <= MOST_BYTES, "the file of resources {name} is larger than 1 MiB");
        let text = String::from_utf8(bytes).with_context(|| format!("the file of resources {name} is not UTF-8"))?;
        Self::parse(&text).with_context(|| format!("in the file of resources {name}"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: ResourceFile = toml::from_str(text)?;
        file.resources.iter().zip(1..).try_for_each(|(entry, number)| entry.check(number))?;
        Ok(Self(file.resources))
    }

    /// Those of a country, then those of everywhere, for one topic or all.
    pub fn of(&self, country: Option<&str>, topic: Option<CareTopic>, language: &str) -> Vec<CareResource> {
        let own = self.0.iter().filter(|entry| !entry.country.is_empty() && Some(entry.country.as_str()) == country);
        let all = own.chain(self.0.iter().filter(|entry| entry.country.is_empty()));
        let fitting = all.filter(|entry| entry.topics.is_empty() || topic.is_none_or(|topic| entry.topics.contains(&topic)));
        fitting.map(|entry| entry.shown(language)).collect()
    }

    /// Countries that anybody is named for, in order of their codes.
    pub fn countries(&self) -> Vec<String> {
        let mut countries: Vec<String> = self.0.iter().map(|entry| entry.country.clone()).filter(|country| !country.is_empty()).collect();
        countries.sort_unstable();
        countries.dedup();
        countries
    }
}

impl Entry {
    /// `number`: its place in the file, from 1.
    fn check(&self, number: usize) -> anyhow::Result<()> {
        let Self { country, name, phone, url, .. } = self;
        let known = country.is_empty() || (country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase()));
        anyhow::ensure!(!name.trim().is_empty(), "resource {number} has no name");
        let of = format!("of resource {number}, {name},");
        anyhow::ensure!(known, "`country` {of} is `{country}`: write two capital letters (ISO 3166), such as IE; none for everywhere");
        anyhow::ensure!(phone.is_some() || url.is_some(), "resource {number}, {name}, has neither `phone` nor `url`");
        let callable = phone.as_deref().is_none_or(|phone| phone.chars().any(char::is_numeric));
        anyhow::ensure!(callable, "`phone` {of} has no digit: write a number, or leave it out");
        let on_the_web = url.as_deref().is_none_or(|url| host(url).is_some());
        anyhow::ensure!(on_the_web, "`url` {of} must begin with https:// and name a host, such as https://example.org");
        Ok(())
    }

    fn shown(&self, language: &str) -> CareResource {
        let Self { country, name, phone, url, hours, about, .. } = self.clone();
        let about = about.get(language).or_else(|| about.get("en")).cloned();
        let (phone, url) = (phone.map(|phone| phone.trim().to_owned()), url.map(|url| url.trim().to_owned()));
        CareResource { country, name, phone, url, hours, about }
    }
}

/// Of an address on the web.
fn host(url: &str) -> Option<&str> {
    let rest = url.trim().strip_prefix("https://").or_else(|| url.trim().strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#', ':']).next()?;
    (host.contains(char::is_alphanumeric) && !host.contains(char::is_whitespace)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_somebody_in_many_countries_and_everywhere() {
        let resources = Resources::embedded();
        let countries = resources.countries();
        assert!(countries.len() >= 25, "{countries:?}");
        for country in &countries {
            let here = resources.of(Some(country), Some(CareTopic::SelfHarm), "en");
            assert!(here[0].country == *country && here.last().is_some_and(|last| last.country.is_empty()), "{country}");
        }
        assert!(resources.of(None, None, "ar").iter().all(|entry| entry.country.is_empty() && entry.url.is_some()));
    }

    #[test]
    fn what_is_for_one_topic_is_shown_for_that_alone() {
        let text = "[[resource]]\nname = \"A\"\nphone = \"1\"\ntopics = [\"abuse\"]\nabout = { en = \"a\", ru = \"б\" }\n";
        let resources = Resources::parse(text).unwrap();
        assert!(resources.of(None, Some(CareTopic::SelfHarm), "en").is_empty());
        assert_eq!(resources.of(None, Some(CareTopic::Abuse), "ru")[0].about.as_deref(), Some("б"));
        assert_eq!(resources.of(None, None, "ar")[0].about.as_deref(), Some("a"));
    }

    #[test]
    fn a_file_that_nobody_could_use_is_refused_with_the_reason() {
        for (text, reason) in [
            ("[[resource]]\nname = \"A\"\n", "neither `phone` nor `url`"),
            ("[[resource]]\nname = \"A\"\nphone = \"1\"\ncountry = \"ireland\"\n", "two capital letters"),
            ("[[resource]]\nname = \"A\"\nurl = \"a.org\"\n", "https://"),
            ("[[resource]]\nname = \"A\"\nphone = \" \"\n", "`phone` of resource 1, A, has no digit"),
            ("[[resource]]\nname = \"A\"\nphone = \"1\"\n[[resource]]\nname = \"B\"\nurl = \"https://\"\n", "`url` of resource 2, B,"),
            ("[[resource]]\nname = \"A\"\nphone = \"1\"\n[[resource]]\nname = \" \"\nphone = \"1\"\n", "resource 2 has no name"),
            ("[[resource]]\nname = \"A\"\nfax = \"1\"\n", "fax"),
        ] {
            let error = Resources::parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Resources::read(Path::new("/nowhere")).is_err());
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resources.toml");
        std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
        assert!(Resources::read(&path).expect_err("too large").to_string().contains("larger than 1 MiB"));
    }
}
