//! What is not taken for speech. Whisper writes something about every sound; these rules are the one place that judges it.
//!
//! The thresholds on probability and compression are those that Whisper was published with.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};

use super::{
    SAMPLES_PER_SECOND,
    hearing::{Heard, HeardSegment},
};

/// Text that deflates better than this repeats itself.
const MOST_COMPRESSION: f32 = 2.4;
/// Tokens less likely than this on average are guesses.
const LEAST_LOG_PROBABILITY: f32 = -1.0;
/// Whisper takes a window for no speech from here on, unless its words are as likely as this: it takes odd voices for none too.
const NO_SPEECH: f32 = 0.6;
const LIKELY_LOG_PROBABILITY: f32 = -0.8;
/// A slow speaker's, whose pauses have been left out.
const LEAST_TOKENS_A_SECOND: f32 = 1.5;
/// Fewer are often said twice.
const REPEATED_TOKENS: usize = 6;
/// No speaker repeats himself so much: a loop. Less may be a refrain, and is kept when no other hearing was better.
const LOOP_COMPRESSION: f32 = 4.0;
/// How often one text may follow itself.
const MOST_REPEATS: usize = 2;

/// Whether a text is too short for so much speech. What several texts at once come to may be cut off where it becomes unlikely,
/// or a phrase that Whisper knows from silence: the average of its words' likelihood is higher.
pub fn is_sparse(heard: &Heard, samples: usize) -> bool {
    let tokens: usize = heard.segments.iter().map(|segment| segment.tokens.len()).sum();
    (tokens as f32) < LEAST_TOKENS_A_SECOND * samples as f32 / SAMPLES_PER_SECOND as f32
}

/// Whether a text ends with what it said before. Several texts at once come to that where a sound ends in mid-sentence: what is
/// there already is likely.
pub fn ends_in_repetition(heard: &Heard) -> bool {
    let tokens: Vec<u32> = heard.segments.iter().flat_map(|segment| &segment.tokens).copied().collect();
    let Some(before) = tokens.len().checked_sub(REPEATED_TOKENS) else { return false };
    tokens[..before].windows(REPEATED_TOKENS).any(|part| part == &tokens[before..])
}

/// Whether a window was heard well enough not to be heard again.
pub fn is_good(heard: &Heard) -> bool {
    !heard.segments.is_empty() && heard.compression_ratio <= MOST_COMPRESSION && heard.average_log_probability >= LEAST_LOG_PROBABILITY
}

/// Whether Whisper itself takes a window for no speech.
pub fn is_no_speech(heard: &Heard) -> bool {
    heard.segments.is_empty() || heard.no_speech_probability > NO_SPEECH
}

/// Which of two poor hearings is the better one: one that does not repeat itself, then the likelier.
pub fn is_better(one: &Heard, other: &Heard) -> bool {
    let is_text = |heard: &Heard| heard.compression_ratio <= MOST_COMPRESSION && !heard.segments.is_empty();
    let by_likelihood = one.average_log_probability.total_cmp(&other.average_log_probability);
    is_text(one).cmp(&is_text(other)).then(by_likelihood).is_gt()
}

/// Takes out of a hearing of so many samples what nobody said.
pub fn clean(mut heard: Heard, samples: usize) -> Heard {
    let imagined = heard.no_speech_probability > NO_SPEECH && heard.average_log_probability < LIKELY_LOG_PROBABILITY;
    let least = if is_sparse(&heard, samples) { LEAST_LOG_PROBABILITY } else { 2.0 * LEAST_LOG_PROBABILITY };
    let guessed = heard.average_log_probability < least;
    if imagined || guessed {
        heard.segments.clear();
    }
    heard.segments.retain(|segment| says_something(&segment.text) && compression_ratio(&segment.text) <= LOOP_COMPRESSION);
    let mut repeats = 0;
    let mut last = String::new();
    heard.segments.retain(|HeardSegment { text, .. }| {
        repeats = if *text == last { repeats + 1 } else { 1 };
        last.clone_from(text);
        repeats <= MOST_REPEATS
    });
    heard
}

/// Whether a text is words and not Whisper's remark on what is no speech: `[MUSIC]`, `(wind blowing)`, `*sighs*`, `♪`.
fn says_something(text: &str) -> bool {
    let text = text.trim();
    let is_remark =
        [('[', ']'), ('(', ')'), ('*', '*'), ('♪', '♪')].iter().any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
    text.chars().any(char::is_alphanumeric) && !is_remark
}

/// Bytes of a text for each byte of it deflated.
pub fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail; were it to, the text would count as one that does not repeat itself.
    let deflated = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    text.len() as f32 / deflated.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(texts: &[&str], average_log_probability: f32, no_speech_probability: f32) -> Heard {
        let tokens = |text: &str| vec![1; text.split(' ').count()];
        let segments =
            texts.iter().map(|text| HeardSegment { text: (*text).to_owned(), tokens: tokens(text), ..HeardSegment::default() }).collect();
        let compression_ratio = compression_ratio(&texts.join(" "));
        Heard { segments, average_log_probability, no_speech_probability, compression_ratio, ..Heard::default() }
    }

    fn left(heard: Heard) -> Vec<String> {
        clean(heard, SAMPLES_PER_SECOND).segments.into_iter().map(|segment| segment.text).collect()
    }

    #[test]
    fn remarks_and_what_whisper_takes_for_no_speech_are_left_out() {
        for remark in ["[MUSIC]", "...", " (wind blowing)", "*sighs*", "♪ la la ♪", "♪"] {
            assert!(left(heard(&[remark], -0.1, 0.0)).is_empty(), "{remark}");
        }
        assert!(left(heard(&["Thank you."], -0.9, 0.7)).is_empty());
        for (log_probability, no_speech) in [(-0.2, 0.7), (-0.76, 0.79)] {
            assert_eq!(left(heard(&["I was flying."], log_probability, no_speech)), ["I was flying."], "likely words are kept");
        }
        assert_eq!(left(heard(&["I was (somehow) flying.", "[MUSIC]"], -0.2, 0.0)), ["I was (somehow) flying."]);
    }

    #[test]
    fn a_phrase_is_too_short_for_twenty_seconds() {
        let phrase = || heard(&["Thank you for watching!"], -1.2, 0.1);
        assert!(is_sparse(&phrase(), 20 * SAMPLES_PER_SECOND));
        assert!(!is_sparse(&phrase(), 2 * SAMPLES_PER_SECOND));
        assert!(clean(phrase(), 20 * SAMPLES_PER_SECOND).segments.is_empty(), "a guess at so much is none");
        assert_eq!(clean(phrase(), 2 * SAMPLES_PER_SECOND).segments.len(), 1);
    }

    #[test]
    fn a_text_that_ends_as_it_went_on_before_is_known() {
        let of = |tokens: &[&[u32]]| {
            let segments = tokens.iter().map(|tokens| HeardSegment { tokens: tokens.to_vec(), ..HeardSegment::default() });
            Heard { segments: segments.collect(), ..Heard::default() }
        };
        assert!(ends_in_repetition(&of(&[&[1, 2, 3, 4, 5, 6, 7], &[8, 9], &[2, 3, 4, 5, 6, 7]])));
        for other in [
            &[&[1, 2, 3, 4, 5, 6][..], &[9], &[1, 2, 3, 4, 5, 7]],
            &[&[1, 2, 3, 4, 5, 6][..], &[1, 2, 3, 4, 5, 6], &[7]],
            &[&[1][..], &[], &[1]],
        ] {
            assert!(!ends_in_repetition(&of(other)), "{other:?}");
        }
    }

    #[test]
    fn loops_are_heard_again_and_cut_short() {
        let same = ["He ran."; 5];
        assert_eq!(left(heard(&same, -0.3, 0.0)).len(), MOST_REPEATS);
        let loops = "and then I went to the house ".repeat(20);
        assert!(!is_good(&heard(&[&loops], -0.1, 0.0)));
        assert!(left(heard(&[&loops], -0.1, 0.0)).is_empty());
        let refrain = "I walked along the river and I saw the sea. ".repeat(3);
        assert!(!is_good(&heard(&[&refrain], -0.1, 0.0)), "it may be a loop");
        assert_eq!(left(heard(&[&refrain], -0.1, 0.0)).len(), 1, "and is kept when it is heard every time");
        let plain = heard(&["The sea was calm and a white bird sat on the mast of our small boat."], -0.3, 0.0);
        assert!(is_good(&plain));
        assert!(is_better(&plain, &heard(&[&loops], -0.1, 0.0)));
        assert!(!is_good(&heard(&["The sea was calm."], -1.3, 0.0)), "guesses are heard again");
    }
}
