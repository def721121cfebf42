//! What of a draft is shown, what is written anew, and what is composed in its place.

use super::{
    super::{passages, prompts::Prompts, reader::Depth},
    *,
};
use crate::features::lore::LensId;

const DREAM: &str = "I was crossing a narrow bridge over the dark river at night. My grandmother stood on the other side with a \
    lantern. Then the bridge broke and I fell into the cold water.";

/// What is judged, with some of its slots changed.
fn judged<T>(change: impl Fn(&str) -> Option<&'static str>, judge: impl FnOnce(&Draft, &Standard<'_>) -> T) -> T {
    let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
    let wording = prompts.wording("en");
    let lens = lore.lens(&LensId::default()).unwrap();
    let found = lore.dictionary().find(DREAM, "en");
    let images = found.iter().map(|found| found.symbol.clone()).collect();
    let candidates = passages::candidates(DREAM, "en", &wording.vocabulary, &found, 3);
    let form = Form::new(wording, lens, "en", &candidates, Depth::Short);
    let mut draft = Draft::default();
    let line = |number: usize| format!(" {} — “{}”", candidates[number][0].name, candidates[number][0].quote);
    let (first, second, third) = (line(0), line(1), line(2));
    let filled = [
        ("title", " The Broken Bridge"),
        ("summary", " fall from the bridge into cold water while your grandmother stood there."),
        ("symbols.0", first.as_str()),
        ("symbols.0.meaning", " a step towards another part of life that feels unsafe."),
        ("symbols.1", second.as_str()),
        ("symbols.1.meaning", " guidance that is near but cannot be reached yet."),
        ("symbols.2", third.as_str()),
        ("symbols.2.meaning", " feelings that are deeper and colder than they looked."),
        ("emotions.0.name", " fear"),
        ("emotions.0.intensity", "0.8"),
        ("emotions.1.name", " fear"),
        ("emotions.1.intensity", "0.3"),
        ("mood", " anxious"),
        ("interpretation", " a change you did not choose. The old way gives out before the new one holds."),
        ("advice", " ask somebody you trust what they would do."),
        ("questions.0", " would have happened on the other side?"),
        ("questions.1", " did the water feel?"),
    ];
    for (slot, text) in filled {
        draft.put(&form, slot.to_owned(), change(slot).unwrap_or(text));
    }
    let standard = Standard {
        form: &form,
        wording,
        lore: &lore,
        lens,
        candidates: &candidates,
        dream: DREAM,
        told: DREAM,
        images: Some(&images),
        of_examples: &HashSet::from(["sister".to_owned(), "bird".to_owned()]),
        choices: None,
        dream_language: "en",
        language: "en",
    };
    judge(&draft, &standard)
}

fn finished(slot: &'static str, text: &'static str) -> Reading {
    judged(|name| (name == slot).then_some(text), |draft, standard| draft.finish(standard, Mood::Anxious))
}

fn faults(slot: &'static str, text: &'static str) -> Vec<(String, FailureReason)> {
    let faults = judged(|name| (name == slot).then_some(text), Draft::faults);
    faults.into_iter().map(|fault| (fault.slot, fault.reason)).collect()
}

#[test]
fn a_whole_draft_becomes_a_reading() {
    let reading = finished("", "");
    assert_eq!(reading.title, "The Broken Bridge");
    assert!(reading.interpretation.starts_with("This dream may reflect a change"), "{}", reading.interpretation);
    assert!(reading.symbols.iter().all(|symbol| DREAM.contains(&symbol.quote)));
    assert_eq!(reading.emotions.len(), 1);
    assert_eq!(reading.questions[0], "What would have happened on the other side?");
    assert_eq!((reading.quotes, reading.composed.len(), reading.left_out.len()), ((3, 3), 0, 0));
    assert_eq!(faults("", ""), []);
}

#[test]
fn each_symbol_carries_what_the_dictionary_says_apart_from_the_models_words() {
    let bridge = &finished("", "").symbols[0];
    assert_eq!(bridge.id.as_deref(), Some("bridge"));
    let tradition = bridge.tradition.as_ref().unwrap();
    assert!(!tradition.sources.is_empty() && !bridge.meaning.contains(&tradition.text), "{bridge:?}");
}

#[test]
fn a_quote_that_is_not_in_the_dream_is_dropped() {
    let reading = finished("symbols.0", " dragon — “a dragon flew”");
    assert_eq!((reading.quotes, reading.symbols.len()), ((3, 2), 2));
}

#[test]
fn what_is_composed_is_named_by_its_place_in_the_reading() {
    let reading = judged(
        |slot| match slot {
            "symbols.0" => Some(" dragon — “a dragon flew”"),
            "symbols.1.meaning" => Some(" and"),
            _ => None,
        },
        |draft, standard| draft.finish(standard, Mood::Anxious),
    );
    assert_eq!(reading.composed, ["symbols.0.meaning"], "the first of two that are left");
}

#[test]
fn a_question_is_judged_like_the_rest() {
    assert_eq!(finished("questions.0", " did the wolf want from you?").questions.len(), 1);
    assert_eq!(finished("questions.1", " did it feel to be stopped by something so small?").questions.len(), 1, "an example's own");
}

#[test]
fn what_may_not_be_shown_is_written_anew() {
    for (slot, text, reason) in [
        ("interpretation", " a change and", FailureReason::Incomplete),
        ("summary", " are chased by a wolf.", FailureReason::Unsupported),
        ("summary", " counted 77 steps.", FailureReason::Unsupported),
        ("summary", " bought tickets for a concert with colleagues.", FailureReason::Unsupported),
        ("advice", " call your sister tonight.", FailureReason::Copied),
        ("advice", " let me walk with the lantern.", FailureReason::Forbidden),
        ("advice", " see a doctor since you are clinically depressed.", FailureReason::Forbidden),
        ("symbols.0.meaning", " family memories that have gone quiet but still matter.", FailureReason::Copied),
        (
            "interpretation",
            " the way is long. The way is long. The way is long. The way is long. The way is long.",
            FailureReason::Repetitive,
        ),
    ] {
        assert_eq!(faults(slot, text), [(slot.to_owned(), reason)], "{text}");
    }
}

#[test]
fn another_language_has_everything_written_anew() {
    let german = " ein Wechsel, den du nicht gewählt hast und der dich mit großer Angst erfüllt. Der alte Weg bricht ab, bevor der neue \
        Weg dich wirklich trägt, und du stehst ganz allein da, ohne dass dir jemand helfen könnte oder wollte. Auch das Wasser unter \
        dir bleibt kalt, und niemand ruft nach dir, obwohl du so lange gewartet hast und immer noch hoffst.";
    let faults = faults("interpretation", german);
    assert!(faults.len() >= 5 && faults.iter().all(|(_, reason)| *reason == FailureReason::WrongLanguage), "{faults:?}");
}

#[test]
fn one_bad_sentence_leaves_the_others() {
    let reading = finished("interpretation", " a change you did not choose. You will meet a rich man. The old way gives out.");
    assert_eq!(reading.interpretation, "This dream may reflect a change you did not choose. The old way gives out.");
    assert_eq!(reading.left_out, [FailureReason::Forbidden]);
    assert!(reading.composed.is_empty());
}

#[test]
fn what_stays_at_fault_is_composed_from_the_dictionary_and_marked() {
    let reading = finished("interpretation", " a change and");
    assert_eq!(reading.composed, ["interpretation"]);
    let bridge = reading.symbols[0].tradition.as_ref().unwrap();
    assert!(reading.interpretation.contains(&bridge.text), "{}", reading.interpretation);
    let reading = finished("symbols.1.meaning", " and");
    assert_eq!(reading.composed, ["symbols.1.meaning"]);
    let reading = finished("advice", " and");
    assert!(reading.advice.is_empty() && reading.composed.is_empty(), "advice is left out, not composed");
}

#[test]
fn a_link_or_an_image_is_never_shown() {
    for text in [" look at https://example.org/a.png now. The way holds on.", " ![cat](https://example.org/cat.png). The way holds on."] {
        let reading = finished("interpretation", text);
        assert!(!reading.prose().contains("example"), "{}", reading.prose());
    }
}
