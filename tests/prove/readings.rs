//! The bars of reading, on two hundred real reports by the starter's models: what is shown is valid, grounded, in its language and
//! goes round in no circle, and looking it over costs next to nothing.

use std::collections::HashMap;

use oneiros::features::{
    dreams::{Prompts, is_written_in},
    lore::{LensId, Lore},
};
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::{
    reports::{percentile, spread},
    support::{
        api::{Api, INTERPRET},
        reading,
        server::Server,
        state::ENGLISH_MODEL,
    },
};

const REPORTS: usize = 200;
/// Of a hundred readings.
const TWO_QUOTES: usize = 90;
const IN_LANGUAGE: usize = 99;
/// A run of four words may stand that often in what the model wrote.
const MOST_FOUR_GRAMS: usize = 3;
const CHECK_MILLISECONDS: f64 = 20.0;

/// What became of one report.
struct Outcome {
    /// Why it has no reading; empty when it has one.
    failure: String,
    quotes: usize,
    in_language: bool,
    four_grams: usize,
    composed: usize,
    repaired: bool,
    check_milliseconds: f64,
    seconds: f64,
}

#[tokio::test]
async fn two_hundred_reports_are_read_within_the_bars() {
    if std::env::var_os("ONEIROS_CORPUS").is_none() {
        println!("skipped: ONEIROS_CORPUS names no file of dream reports");
        return;
    }
    let server = Server::start().await;
    let api = server.api();
    let openapi = api.get("/openapi.json").await.ok();
    let judge = Judge { openapi, prompts: Prompts::embedded(), lore: Lore::embedded() };
    let mut outcomes = Vec::new();
    for text in spread(REPORTS) {
        outcomes.push(judge.read(&api, &text).await);
    }
    let count = |holds: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| holds(outcome)).count();
    let valid = count(|one| one.failure.is_empty());
    let (quoted, in_language) = (count(|one| one.quotes >= 2), count(|one| one.in_language));
    let looping = count(|one| one.four_grams > MOST_FOUR_GRAMS);
    let mut checks: Vec<f64> = outcomes.iter().map(|one| one.check_milliseconds).collect();
    let mut seconds: Vec<f64> = outcomes.iter().map(|one| one.seconds).collect();
    let check = percentile(&mut checks, 0.95);
    let failures: Vec<&str> = outcomes.iter().map(|one| one.failure.as_str()).filter(|failure| !failure.is_empty()).collect();
    println!(
        "{}",
        json!({
            "read": outcomes.len(), "valid": valid, "two_kept_quotes": quoted, "in_language": in_language, "looping": looping,
            "repaired": count(|one| one.repaired), "with_composed_fields": count(|one| one.composed > 0),
            "check_ms_p95": check, "seconds_p50": percentile(&mut seconds, 0.5), "seconds_p95": percentile(&mut seconds, 0.95),
            "without_reading": failures,
        })
    );
    assert_eq!(valid, REPORTS, "reports without a reading: {failures:#?}");
    assert!(quoted * 100 >= REPORTS * TWO_QUOTES, "at least two kept quotes in {quoted} of {REPORTS}");
    assert!(in_language * 100 >= REPORTS * IN_LANGUAGE, "{in_language} of {REPORTS} are in the dream's language");
    assert_eq!(looping, 0, "readings that go round in circles");
    assert!(check <= CHECK_MILLISECONDS, "the quality check took {check} ms (p95)");
}

/// What readings are judged by.
struct Judge {
    openapi: Value,
    prompts: Prompts,
    lore: Lore,
}

impl Judge {
    async fn read(&self, api: &Api, text: &str) -> Outcome {
        let begun = std::time::Instant::now();
        let answer = api.post_json(INTERPRET, &json!({ "text": text, "language": "en", "lens": LensId::default() })).await.ok();
        let seconds = begun.elapsed().as_secs_f64();
        let faults = reading::faults_by_schema(&self.openapi, ("post", INTERPRET), &answer);
        assert!(faults.is_empty(), "{faults:?} in {answer}");
        let shown = &answer["interpretation"];
        let failure = if shown.is_object() { String::new() } else { answer["failure"].to_string() };
        let symbols = shown["symbols"].as_array().cloned().unwrap_or_default();
        for symbol in &symbols {
            let quote = symbol["quote"].as_str().unwrap_or_default();
            assert!(!quote.is_empty() && text.contains(quote), "`{quote}` is not in the dream: {shown}");
        }
        if failure.is_empty() {
            assert_eq!(shown["model"], ENGLISH_MODEL, "{shown}");
        }
        let own = self.own_words(shown);
        Outcome {
            quotes: symbols.len(),
            in_language: shown["language"] == "en" && (own.is_empty() || is_written_in(&own, "en")),
            four_grams: most_of_a_four_gram(&own),
            composed: shown["composed"].as_array().map_or(0, Vec::len),
            repaired: step(shown, "generation")["outcome"] == "repaired",
            check_milliseconds: step(shown, "check")["milliseconds"].as_f64().unwrap_or(0.0),
            failure,
            seconds,
        }
    }

    /// The running text without the heads that every reading is given.
    fn own_words(&self, shown: &Value) -> String {
        let wording = self.prompts.wording("en");
        let openings = &wording.openings;
        let lens = self.lore.lens(&LensId::default()).expect("the lens of whoever names none").wording("en");
        let composed_meaning = wording.composed.meaning.split('{').next().unwrap_or_default();
        let own = |text: &Value, heads: &[&str]| {
            let text = text.as_str()?;
            Some(heads.iter().find_map(|head| text.strip_prefix(*head)).unwrap_or(text).to_owned())
        };
        let questions: Vec<&str> = openings.questions.iter().map(String::as_str).collect();
        let list = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
        let mut fields = vec![
            own(&shown["summary"], &[&openings.summary]),
            own(&shown["interpretation"], &[&lens.opening]),
            own(&shown["advice"], &[&lens.advice]),
        ];
        fields.extend(list("symbols").iter().map(|symbol| own(&symbol["meaning"], &[composed_meaning, &openings.meaning])));
        fields.extend(list("questions").iter().map(|question| own(question, &questions)));
        fields.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

fn step(shown: &Value, name: &str) -> Value {
    shown["steps"].as_array().into_iter().flatten().find(|step| step["name"] == name).cloned().unwrap_or_default()
}

/// How often the most frequent run of four words stands in a text.
fn most_of_a_four_gram(text: &str) -> usize {
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    let mut counts: HashMap<&[String], usize> = HashMap::new();
    for gram in words.windows(4) {
        *counts.entry(gram).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}
