//! A pack: lenses, symbols and sources in one TOML file, as an operator writes or shares it.

use std::collections::HashSet;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    Lens, LoreSource, PackProblem,
    checks::{self, LONGEST_NAME, LONGEST_THEME, LONGEST_WORDING, refuse},
    forms::{self, is_form},
    lens::LensWording,
    symbol::{Symbol, SymbolWords},
};

/// The largest file.
pub const LARGEST_PACK_BYTES: u64 = 1024 * 1024;

const MOST_LENSES: usize = 20;
const MOST_SYMBOLS: usize = 500;
const MOST_SOURCES: usize = 200;
/// Forms of one symbol in one language.
const MOST_FORMS: usize = 300;
/// Forms of all symbols in all languages: twice as many as come with the executable.
const MOST_FORMS_OF_PACK: usize = 20_000;
/// Words of one form.
const LONGEST_FORM: usize = 4;
/// Archetypes that a lens may ask for.
const MOST_ARCHETYPES: usize = 4;
const MOST_ARCHETYPE_WORDS: usize = 40;

type Checked = Result<(), PackProblem>;

/// A pack whose own texts are in order; what it leans on is checked when it is laid over the rest.
#[derive(Debug, Clone)]
pub struct Pack {
    pub name: String,
    /// The maker's own word for its state.
    pub version: String,
    pub(super) lenses: Vec<Lens>,
    pub(super) symbols: Vec<Symbol>,
    pub(super) sources: Vec<LoreSource>,
    pub(super) sha256: [u8; 32],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackFile {
    name: String,
    version: String,
    #[serde(default, rename = "lens")]
    lenses: Vec<Lens>,
    #[serde(default, rename = "symbol")]
    symbols: Vec<Symbol>,
    #[serde(default, rename = "source")]
    sources: Vec<LoreSource>,
}

impl Pack {
    /// Reads a pack, and refuses one that is too large, broken, or holds what no prompt or page may.
    pub fn parse(text: &str) -> Result<Self, PackProblem> {
        if text.len() as u64 > LARGEST_PACK_BYTES {
            return refuse("pack", format!("is larger than {LARGEST_PACK_BYTES} bytes: split it into several packs of other names"));
        }
        let PackFile { name, version, lenses, symbols, sources } = toml::from_str(text).map_err(|error| broken(text, &error))?;
        let pack = Self { name, version, lenses, symbols, sources, sha256: Sha256::digest(text).into() };
        pack.check().map_err(|problem| problem.of(&pack.name))?;
        Ok(pack)
    }

    /// Lenses that it adds or replaces.
    pub fn lens_ids(&self) -> Vec<String> {
        self.lenses.iter().map(|lens| lens.id.to_string()).collect()
    }

    /// Symbols that it adds or changes.
    pub fn symbol_count(&self) -> usize {
        self.symbols.len()
    }

    /// Sources that it adds or replaces.
    pub fn source_count(&self) -> usize {
        self.sources.len()
    }

    /// Whether a pack can be called so.
    pub fn is_name(name: &str) -> bool {
        checks::is_id(name)
    }

    pub(super) fn check(&self) -> Checked {
        id("name", &self.name)?;
        checks::text("version", &self.version, LONGEST_NAME)?;
        at_most("lens", self.lenses.len(), MOST_LENSES)?;
        at_most("symbol", self.symbols.len(), MOST_SYMBOLS)?;
        at_most("source", self.sources.len(), MOST_SOURCES)?;
        self.check_number_of_forms()?;
        if self.lenses.is_empty() && self.symbols.is_empty() && self.sources.is_empty() {
            return refuse("pack", "holds nothing: it needs [[lens]], [[symbol]] or [[source]]");
        }
        once("lens", self.lenses.iter().map(|lens| lens.id.as_str()))?;
        once("symbol", self.symbols.iter().map(|symbol| symbol.id.as_str()))?;
        once("source", self.sources.iter().map(|source| source.id.as_str()))?;
        self.lenses.iter().try_for_each(lens)?;
        self.symbols.iter().try_for_each(symbol)?;
        self.sources.iter().try_for_each(source)
    }

    fn check_number_of_forms(&self) -> Checked {
        let number: usize = self.symbols.iter().flat_map(|symbol| symbol.words.values()).map(|words| words.forms.len()).sum();
        if number <= MOST_FORMS_OF_PACK {
            return Ok(());
        }
        refuse("forms", format!("are {number} in all symbols and languages together; {MOST_FORMS_OF_PACK} are the most of one pack"))
    }
}

/// What is broken, and where in the file.
fn broken(text: &str, error: &toml::de::Error) -> PackProblem {
    if looks_like_yaml(text) {
        return PackProblem::new("pack", "looks like YAML: a pack is TOML (name = \"my-pack\", then [[lens]], [[symbol]] or [[source]])");
    }
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or_else(
        || "pack".to_owned(),
        |before| {
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            format!("line {}, column {}", before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        },
    );
    PackProblem::new(place, error.message().trim().replace('\n', " "))
}

/// Whether the first line that says something says it as YAML does.
fn looks_like_yaml(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(first) = lines.next() else { return false };
    let key = first.split_once(':').map(|(key, _)| key);
    let is_key = |key: &str| !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
    first.starts_with("---") || first.starts_with("%YAML") || first.starts_with("- ") || key.is_some_and(is_key)
}

fn lens(lens: &Lens) -> Checked {
    let part = format!("lens {}", lens.id);
    let within = |problem: PackProblem| problem.within(&part);
    if !lens.wordings.contains_key("en") || !lens.names.contains_key("en") || !lens.about.contains_key("en") {
        return refuse(part, "needs name.en, about.en and [lens.wording.en]: every other language falls back on English");
    }
    if lens.archetypes > MOST_ARCHETYPES {
        return refuse(part, format!("asks for more than {MOST_ARCHETYPES} archetypes"));
    }
    let words = lens.wordings.values().map(|wording| wording.archetypes.len());
    if !lens.seen_in.is_empty() && words.into_iter().any(|words| words != lens.seen_in.len()) {
        return refuse(part, "seen_in must name images for each word of archetypes, in their order, or be left out");
    }
    if lens.sources.is_empty() {
        return refuse(part, "names no source: say on what it stands");
    }
    for (field, texts, longest) in [("name", &lens.names, LONGEST_NAME), ("about", &lens.about, LONGEST_THEME)] {
        for (code, text) in texts {
            language(field, code).and_then(|()| checks::text(&format!("{field}.{code}"), text, longest)).map_err(within)?;
        }
    }
    for (code, words) in &lens.wordings {
        wording(code, words, lens.archetypes).map_err(|problem| problem.within(&format!("{part}, wording.{code}")))?;
    }
    Ok(())
}

fn wording(code: &str, words: &LensWording, archetypes: usize) -> Checked {
    let generic = Lens::is_generic(code);
    if !generic {
        language("", code)?;
    }
    checks::text("stance", &words.stance, LONGEST_WORDING)?;
    checks::text("caution", &words.caution, LONGEST_WORDING)?;
    for (field, head) in [("opening", &words.opening), ("advice", &words.advice)] {
        if !(generic && head.is_empty()) {
            checks::text(field, head, LONGEST_WORDING)?;
        }
    }
    if words.archetypes.len() < archetypes || words.archetypes.len() > MOST_ARCHETYPE_WORDS {
        return refuse("archetypes", format!("must be {archetypes} to {MOST_ARCHETYPE_WORDS} words, since the lens asks for {archetypes}"));
    }
    words.archetypes.iter().try_for_each(|word| checks::text("archetypes", word, LONGEST_NAME))
}

fn symbol(symbol: &Symbol) -> Checked {
    let part = format!("symbol {}", symbol.id);
    id("id", &symbol.id).map_err(|problem| problem.within(&part))?;
    for (code, words) in &symbol.words {
        language("", code).and_then(|()| in_language(symbol, words)).map_err(|problem| problem.within(&format!("{part}, {code}")))?;
    }
    Ok(())
}

fn in_language(symbol: &Symbol, words: &SymbolWords) -> Checked {
    if !words.name.is_empty() {
        checks::text("name", &words.name, LONGEST_NAME)?;
    }
    at_most("forms", words.forms.len(), MOST_FORMS)?;
    for form in &words.forms {
        checks::text("forms", form, LONGEST_NAME)?;
        if !is_form(form) {
            return refuse("forms", format!("holds `{form}`, which is no word in lower case"));
        }
        let length = forms::length(form);
        if length > LONGEST_FORM {
            return refuse("forms", format!("holds `{form}`, which is {length} words; {LONGEST_FORM} are the most"));
        }
    }
    for (lens, theme) in &words.themes {
        checks::text(&format!("themes.{lens}"), theme, LONGEST_THEME)?;
        if symbol.sources.get(lens).is_none_or(Vec::is_empty) {
            return refuse(format!("themes.{lens}"), format!("stands on nothing: [symbol.sources] must name one for {lens}"));
        }
    }
    Ok(())
}

fn source(source: &LoreSource) -> Checked {
    let part = format!("source {}", source.id);
    id("id", &source.id)
        .and_then(|()| checks::reference("reference", &source.reference, LONGEST_THEME))
        .map_err(|problem| problem.within(&part))
}

fn id(place: &str, id: &str) -> Checked {
    if checks::is_id(id) { Ok(()) } else { refuse(place, format!("must be {}", checks::ID_SHAPE)) }
}

fn language(place: &str, code: &str) -> Checked {
    if checks::is_language(code) {
        Ok(())
    } else {
        refuse(place, format!("`{code}` is no language code of two letters (ISO 639-1), and no key that is known here"))
    }
}

fn at_most(place: &str, number: usize, most: usize) -> Checked {
    if number > most { refuse(place, format!("has {number} entries; {most} are the most")) } else { Ok(()) }
}

fn once<'a>(part: &str, mut ids: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = HashSet::new();
    let twice = ids.find(|id| !seen.insert(*id));
    twice.map_or(Ok(()), |id| refuse(format!("{part} {id}"), "is there twice"))
}
