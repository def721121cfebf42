//! A text as the rules read it.

use std::cell::OnceCell;

use super::{
    CareTopic,
    frames::{Follower, Frame},
    patterns::Span,
    rules::{Retractions, Rule, Rules, Time, Weight},
    text::{self, Sentence},
    wording::Places,
};

/// Sentences of waking life that the classifier is shown beside the whole text, the last ones.
const MOST_AWAKE: usize = 8;

/// What the rules make of a text.
#[derive(Debug)]
pub struct Reading {
    /// The heaviest rule's topic, of equal ones the first in the text.
    pub found: Option<(CareTopic, Weight)>,
    /// Nothing is found, and something is said not to be so, or in a turn of speech.
    pub denied: bool,
    /// So long that it is a dream's story where nothing says awake.
    pub long: bool,
    pub parts: Parts,
    /// Words of what is awake; of a text that is all dreamed, of all of it.
    pub places: Places,
}

/// What the classifier looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub whole: String,
    pub last: String,
    /// Sentences that no dream holds.
    pub awake: Vec<String>,
    /// Whether a dream holds any.
    pub some_dreamt: bool,
}

impl Reading {
    /// `None` for a text without words.
    pub fn of(text: &str, language: &str) -> Option<Self> {
        let sentences = text::sentences(text);
        let mut reading = Self::by(Rules::of(language, text), text, &sentences)?;
        // What is said in another language counts as much; what the classifier is shown stays as the language told has it.
        for rules in Rules::beside(language, text, &sentences) {
            let other = Self::by(rules, text, &sentences)?;
            reading.found = heavier(reading.found, other.found);
            reading.denied = reading.found.is_none() && (reading.denied || other.denied);
        }
        Some(reading)
    }

    fn by(rules: &Rules, text: &str, sentences: &[Sentence]) -> Option<Self> {
        let last = sentences.last()?.written.clone();
        let folded: Vec<String> = sentences.iter().map(|sentence| rules.in_one_way(&sentence.folded)).collect();
        let mut follower = Follower::new(&rules.frames, &folded);
        let mut found: Option<(CareTopic, Weight)> = None;
        let mut awake = Vec::new();
        for (at, sentence) in sentences.iter().enumerate() {
            let here = heaviest(rules, &follower, &folded[..=at]);
            found = heavier(found, here);
            if follower.step() {
                awake.push(sentence);
            }
        }
        let Retractions { negation, idiom, .. } = &rules.retractions;
        let denied = found.is_none() && folded.iter().any(|sentence| negation.is_in(sentence) || idiom.is_in(sentence));
        let some_dreamt = awake.len() < sentences.len();
        // What a dream holds says little of the one who woke from it.
        let places = if awake.is_empty() { Places::of(sentences) } else { Places::of(awake.iter().copied()) };
        let awake = awake[awake.len().saturating_sub(MOST_AWAKE)..].iter().map(|sentence| sentence.written.clone()).collect();
        let parts = Parts { whole: text::in_one_line(text), last, awake, some_dreamt };
        Some(Self { found, denied, long: follower.is_long(), parts, places })
    }
}

/// The later one when it is heavier or the only one.
fn heavier(earlier: Option<(CareTopic, Weight)>, later: Option<(CareTopic, Weight)>) -> Option<(CareTopic, Weight)> {
    match (earlier, later) {
        (Some((_, one)), Some((_, other))) if other > one => later,
        (None, _) => later,
        _ => earlier,
    }
}

/// What the rules find in the last of these sentences, which is where the follower stands.
fn heaviest(rules: &Rules, follower: &Follower<'_>, so_far: &[String]) -> Option<(CareTopic, Weight)> {
    let sentence = so_far.last()?;
    // Built when a rule's words are found, which is seldom.
    let taken_back = OnceCell::new();
    let mut found = None;
    for rule in &rules.rules {
        let mut places = rule.any.places(sentence).peekable();
        if places.peek().is_none() || !rule.with.iter().all(|pattern| pattern.is_in(sentence)) {
            continue;
        }
        if rule.given.as_ref().is_some_and(|given| !so_far.iter().any(|sentence| given.is_in(sentence))) {
            continue;
        }
        let taken_back = taken_back.get_or_init(|| TakenBack::of(rules, sentence));
        let weights = places.filter(|place| !taken_back.takes(rule, *place)).filter_map(|place| weight(rule, follower, place));
        found = heavier(found, weights.max().map(|weight| (rule.topic, weight)));
    }
    found
}

/// How much a rule's words count in a place, if they do.
fn weight(rule: &Rule, follower: &Follower<'_>, place: Span) -> Option<Weight> {
    let frame = follower.frame(place);
    let is_beside = matches!(frame, Frame::Beside { .. });
    // A hint in a story without a frame may well be a dream's, and so may one beside a dream, and any in a long text.
    let in_story = (frame == Frame::Unknown && follower.tells_a_story()) || (frame != Frame::Awake && follower.is_long());
    let may_be_dreamed = frame == Frame::Deep || is_beside || in_story;
    let is_dreamed = (rule.weight == Weight::Hint && may_be_dreamed) || (rule.time == Time::Now && follower.is_of_then(place, frame));
    let counts = !is_dreamed && frame.counts(rule.time);
    counts.then_some(if is_beside { Weight::Hint } else { rule.weight })
}

/// Negations, turns of speech, and other people's lives in one sentence.
struct TakenBack {
    anything: bool,
    rules: Vec<Span>,
    hints: Vec<Span>,
}

impl TakenBack {
    fn of(rules: &Rules, sentence: &str) -> Self {
        let Retractions { negation, idiom, grief, others } = &rules.retractions;
        Self {
            anything: others.is_in(sentence),
            rules: negation.places(sentence).chain(idiom.places(sentence)).collect(),
            hints: grief.places(sentence).collect(),
        }
    }

    fn takes(&self, rule: &Rule, (start, end): Span) -> bool {
        let overlaps = |(from, to): &Span| *from < end && start < *to;
        self.anything || self.rules.iter().any(overlaps) || (rule.weight == Weight::Hint && self.hints.iter().any(overlaps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classifier_is_shown_what_is_awake() {
        let parts = |text| Reading::of(text, "en").unwrap().parts;
        let told = parts("I dreamed of a river. It was cold. Then I woke up. Rain at the window.");
        assert_eq!(told.awake, ["Then I woke up", "Rain at the window"]);
        assert_eq!((told.last.as_str(), told.some_dreamt), ("Rain at the window", true));
        assert_eq!(parts("Rain. Snow.").awake.len(), 2);
        let long = |text: &str| Reading::of(text, "en").unwrap().long;
        assert!(!long("I woke up. Rain at the window.") && long(&"Rain at the window. ".repeat(16)));
        assert!(Reading::of(" … ", "en").is_none());
    }
}
