//! Sentences that the server composes from the dictionary: where a model has left nothing that can be shown, and around what a model
//! chose that does not write. A reading tells which of its fields they are.

use super::{Emotion, Symbol, Tradition, checks, form::Choices, prompts::Wording};

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

    /// The images and the mood that were chosen.
    pub fn chosen_summary(&self, choices: &Choices<'_>, mood: &str) -> String {
        choices.chosen.summary.replace("{images}", &self.names()).replace("{mood}", mood)
    }

    /// What the dictionary says through this lens, whose `opening` begins it, what the dreamer knows already, and the feelings.
    pub fn chosen_interpretation(&self, choices: &Choices<'_>, opening: &str, emotions: &[Emotion]) -> String {
        let chosen = choices.chosen;
        let mut themes = self.symbols.iter().zip(&self.names).filter_map(|(symbol, name)| Some((name, &symbol.tradition.as_ref()?.text)));
        let first = themes.next().map(|(_, theme)| theme);
        let head = match first {
            None => self.wording.composed.nothing.clone(),
            Some(theme) => chosen.interpretation.replace("{opening}", opening).replace("{theme}", theme),
        };
        // Each theme stands beside its image as well: two that sound alike would go round in a circle.
        let beside = themes.find(|(_, theme)| first.is_none_or(|first| !checks::share_a_run(first, theme)));
        let beside = beside.map(|(name, theme)| chosen.beside.replace("{symbol}", name).replace("{theme}", theme));
        let known = || self.symbols.iter().zip(&self.names).filter_map(|(symbol, name)| Some((symbol.id.as_deref()?, name)));
        let noted = known().find(|(id, _)| choices.noted.iter().any(|noted| noted == id));
        let noted = noted.map(|(_, name)| chosen.noted.replace("{symbol}", name));
        let recurring = known().find_map(|(id, name)| Some((name, choices.recurring.iter().find(|(other, _)| other == id)?.1)));
        let recurring = recurring.map(|(name, count)| chosen.recurring.replace("{symbol}", name).replace("{count}", &count.to_string()));
        let feelings = match emotions {
            [] => None,
            [one] => Some(chosen.feeling.replace("{first}", &one.name)),
            [one, other, ..] => Some(chosen.feelings.replace("{first}", &one.name).replace("{second}", &other.name)),
        };
        [Some(head), beside, noted, recurring, feelings].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What one image may stand for.
    pub fn meaning(wording: &Wording, tradition: Option<&Tradition>) -> String {
        match tradition {
            Some(tradition) => wording.composed.meaning.replace("{theme}", &tradition.text),
            None => wording.composed.own.clone(),
        }
    }

    /// In a row; where the dictionary knows any, those alone: the others stand in whatever form the dream has them.
    fn names(&self) -> String {
        let any_known = self.symbols.iter().any(|symbol| symbol.id.is_some());
        let named = self.symbols.iter().zip(&self.names).filter(|(symbol, _)| !any_known || symbol.id.is_some());
        let names: Vec<&str> = named.map(|(_, name)| name.as_str()).collect();
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
    fn what_was_chosen_is_put_into_whole_sentences() {
        let prompts = Prompts::embedded();
        let emotion = |name: &str| Emotion { name: name.into(), intensity: 0.5 };
        let mut symbols = [symbol("river", Some("a passage")), symbol("lantern", Some("a search")), symbol("Mondays", None)];
        (symbols[0].id, symbols[1].id) = (Some("river".into()), Some("lantern".into()));
        for language in ["en", "ru", "ar"] {
            let wording = prompts.wording(language);
            let choices = Choices {
                chosen: wording.chosen.as_ref().unwrap(),
                moods: Vec::new(),
                feelings: Vec::new(),
                archetypes: Vec::new(),
                turn: 0,
                recurring: vec![("river".into(), 4)],
                noted: vec!["river".into()],
            };
            let composer = of(wording, &symbols);
            let summary = composer.chosen_summary(&choices, "hopeful");
            assert!(!summary.contains("Mondays"), "a word in whatever form: {summary}");
            assert!(summary.contains("lantern") && summary.contains("hopeful") && !summary.contains('{'), "{summary}");
            let whole = composer.chosen_interpretation(&choices, "Opening", &[emotion("awe"), emotion("joy")]);
            for part in ["Opening: a passage", "a search", "(4)", "awe", "joy"] {
                assert!(whole.contains(part) && !whole.contains('{'), "{part}: {whole}");
            }
            let alike = [
                symbol("river", Some("a passage, as the books tell it")),
                symbol("bird", Some("news, as the books tell it")),
                symbol("sea", Some("a search")),
            ];
            let varied = of(wording, &alike).chosen_interpretation(&choices, "Opening", &[]);
            assert!(varied.contains("a search") && !varied.contains("news"), "{varied}");
            let bare = [symbol("door", None)];
            let least = of(wording, &bare).chosen_interpretation(&choices, "Opening", &[]);
            assert_eq!(least, wording.composed.nothing);
        }
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
