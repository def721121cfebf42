//! The files of `assets/care/` that the feature reads, all of them here.

/// Languages that have rules, examples and messages.
pub const LANGUAGES: [&str; 3] = ["en", "ru", "ar"];

/// In the order of [`LANGUAGES`].
pub const RULES: [&str; 3] = [
    include_str!("../../../assets/care/rules.en.toml"),
    include_str!("../../../assets/care/rules.ru.toml"),
    include_str!("../../../assets/care/rules.ar.toml"),
];

/// In the order of [`LANGUAGES`].
pub const EXAMPLES: [&str; 3] = [
    include_str!("../../../assets/care/examples.en.toml"),
    include_str!("../../../assets/care/examples.ru.toml"),
    include_str!("../../../assets/care/examples.ar.toml"),
];

/// In the order of [`LANGUAGES`].
pub const MESSAGES: [&str; 3] = [
    include_str!("../../../assets/care/messages.en.toml"),
    include_str!("../../../assets/care/messages.ru.toml"),
    include_str!("../../../assets/care/messages.ar.toml"),
];

pub const RESOURCES: &str = include_str!("../../../assets/care/resources.toml");

/// What was learned of words from the examples.
pub const WORDING: &str = include_str!("../../../assets/care/wording.toml");

/// What was learned from the examples with embedding models of the catalogue.
pub const LEARNED: &str = include_str!("../../../assets/care/learned.toml");
