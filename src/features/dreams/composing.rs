//! Sentences that the server composes from the dictionary where a model has left nothing that can be shown. A reading tells which of
//! its fields they are.

use super::{Symbol, Tradition, prompts::Wording};

/// How many images a composed reading speaks of: more would repeat itself.
const IMAGES: usize = 2;

/// What is composed from.
pub struct Composer<'a> {
    pub wording: &'a Wording,
    pub symbols: &'a [Symbol],
    /// What each of them is called in the language of the reading: as a heading, or as the dream has it.
    pub names: Vec<String>,
}

impl Composer<'_> {
    /// The images' names.
    pub fn title(&self) -> String {
        let names = self.names();
        let mut letters = names.chars();
        let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        self.wording.composed.title.replace("{symbols}", &format!("{capital}{}", letters.as_str()))
    }

    pub fn summary(&self) -> String {
        self.wording.composed.summary.replace("{symbols}", &self.names())
    }

    /// What the dictionary says of the first images that it knows through this lens.
    pub fn interpretation(&self) -> String {
        let told = self.symbols.iter().zip(&self.names).filter_map(|(symbol, name)| Some((name, symbol.tradition.as_ref()?)));
        let sentences: Vec<String> = told
            .take(IMAGES)
            .map(|(name, tradition)| self.wording.composed.interpretation.replace("{symbol}", name).replace("{theme}", &tradition.text))
            .collect();
        if sentences.is_empty() { self.wording.composed.nothing.clone() } else { sentences.join(" ") }
    }

    /// What one image may stand for.
    pub fn meaning(wording: &Wording, tradition: Option<&Tradition>) -> String {
        match tradition {
            Some(tradition) => wording.composed.meaning.replace("{theme}", &tradition.text),
            None => wording.composed.own.clone(),
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.wording.composed.joined(&names)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::prompts::Prompts, *};

    fn symbol(name: &str, theme: Option<&str>) -> Symbol {
        let tradition = theme.map(|text| Tradition { text: text.to_owned(), sources: Vec::new() });
        Symbol { name: name.into(), quote: name.into(), meaning: String::new(), id: None, tradition }
    }

    fn of<'a>(wording: &'a Wording, symbols: &'a [Symbol]) -> Composer<'a> {
        Composer { wording, symbols, names: symbols.iter().map(|symbol| symbol.name.clone()).collect() }
    }

    #[test]
    fn what_is_composed_names_the_images_and_quotes_the_dictionary() {
        let prompts = Prompts::embedded();
        let symbols = [symbol("river", Some("a passage")), symbol("lantern", None)];
        for language in ["en", "ru", "ar", "de"] {
            let composer = of(prompts.wording(language), &symbols);
            assert!(composer.title().to_lowercase().contains("river"), "{}", composer.title());
            assert!(composer.summary().contains("lantern"), "{}", composer.summary());
            assert!(
                composer.interpretation().contains("a passage") && !composer.interpretation().contains('{'),
                "{}",
                composer.interpretation()
            );
            let bare = [symbol("lantern", None)];
            let nothing = of(prompts.wording(language), &bare).interpretation();
            assert!(!nothing.is_empty() && !nothing.contains('{'), "{nothing}");
        }
    }
}
