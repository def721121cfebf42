//! The text of one slot while it grows: whole characters go out, stop strings never do, not even a part of one.

/// Text that a slot has gathered from tokens.
pub(super) struct SlotText {
    stop: Vec<String>,
    bytes: Vec<u8>,
    /// Where each token's bytes end in `bytes`.
    token_ends: Vec<usize>,
    /// How many of `bytes` are in `text`.
    told: usize,
    text: String,
    /// Where a stop string begins.
    stopped_at: Option<usize>,
}

/// What stays of a slot's tokens once it has ended.
pub(super) struct Kept {
    /// How many of its tokens hold nothing but its text.
    pub tokens: usize,
    /// Text that shared a token with a stop string: it must be given to the model again.
    pub carry: String,
}

impl SlotText {
    pub(super) fn new(stop: &[String]) -> Self {
        Self { stop: stop.to_vec(), bytes: Vec::new(), token_ends: Vec::new(), told: 0, text: String::new(), stopped_at: None }
    }

    /// Adds a token's bytes; returns text that is certain now.
    pub(super) fn push(&mut self, piece: &[u8]) -> String {
        let longest_stop = self.stop.iter().map(String::len).max().unwrap_or(0);
        let search_from = self.bytes.len().saturating_sub(longest_stop.saturating_sub(1));
        self.bytes.extend_from_slice(piece);
        self.token_ends.push(self.bytes.len());
        self.stopped_at =
            self.stop.iter().filter_map(|stop| find(&self.bytes[search_from..], stop.as_bytes())).min().map(|at| at + search_from);
        let end = self.stopped_at.unwrap_or(self.bytes.len() - self.possible_stop_length());
        self.tell(end, false)
    }

    /// No more tokens come: returns what was held back.
    pub(super) fn finish(&mut self) -> String {
        self.tell(self.stopped_at.unwrap_or(self.bytes.len()), true)
    }

    /// How many tokens' text has been told whole.
    pub(super) fn tokens_told(&self) -> usize {
        self.token_ends.partition_point(|end| *end <= self.told)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped_at.is_some()
    }

    /// All that was told.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn kept(&self) -> Kept {
        let end = self.stopped_at.unwrap_or(self.bytes.len());
        let tokens = self.token_ends.iter().take_while(|token_end| **token_end <= end).count();
        let kept_bytes = if tokens == 0 { 0 } else { self.token_ends[tokens - 1] };
        Kept { tokens, carry: String::from_utf8_lossy(&self.bytes[kept_bytes..end]).into_owned() }
    }

    /// Length of the longest end of the text that could be the beginning of a stop string.
    fn possible_stop_length(&self) -> usize {
        let longest = |stop: &[u8]| (1..stop.len()).rev().find(|length| self.bytes.ends_with(&stop[..*length])).unwrap_or(0);
        self.stop.iter().map(|stop| longest(stop.as_bytes())).max().unwrap_or(0)
    }

    /// Tells the bytes up to `end`; a character still incomplete waits unless this is the last call.
    fn tell(&mut self, end: usize, last: bool) -> String {
        let mut fresh = String::new();
        for chunk in self.bytes[self.told.min(end)..end].utf8_chunks() {
            fresh.push_str(chunk.valid());
            self.told += chunk.valid().len();
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let incomplete = self.told + invalid.len() == end && is_incomplete(invalid);
            if incomplete && !last {
                break;
            }
            self.told += invalid.len();
            // Half a character at the very end is dropped, a broken one inside is shown as such.
            if !incomplete {
                fresh.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.text.push_str(&fresh);
        fresh
    }
}

/// Whether more bytes could make a character of these.
fn is_incomplete(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return None;
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stop: &[&str], pieces: &[&[u8]]) -> (Vec<String>, String, Kept) {
        let stop: Vec<String> = stop.iter().map(ToString::to_string).collect();
        let mut slot = SlotText::new(&stop);
        let mut told: Vec<String> = Vec::new();
        for piece in pieces {
            told.push(slot.push(piece));
            if slot.is_stopped() {
                break;
            }
        }
        told.push(slot.finish());
        {
            let kept = slot.kept();
            (told, slot.into_text(), kept)
        }
    }

    #[test]
    fn characters_arrive_whole() {
        let (told, text, _) = run(&[], &[b"\xd0", b"\xbc\xd0", b"\xbe\xd1\x80\xd0\xb5"]);
        assert_eq!(told, ["", "м", "оре", ""]);
        assert_eq!(text, "море");
    }

    #[test]
    fn no_part_of_a_stop_string_is_ever_told() {
        let (told, text, kept) = run(&["\n\n"], &[b"one\n", b"two\n", b"\nthree"]);
        assert_eq!(told, ["one", "\ntwo", "", ""]);
        assert_eq!(text, "one\ntwo");
        assert_eq!((kept.tokens, kept.carry.as_str()), (1, "two"), "the second token holds half of the stop string");
    }

    #[test]
    fn what_looked_like_a_stop_string_is_told_at_the_end() {
        let (told, text, _) = run(&["END"], &[b"an EN"]);
        assert_eq!(told, ["an ", "EN"]);
        assert_eq!(text, "an EN");
    }

    #[test]
    fn broken_bytes_are_shown_and_half_a_character_is_not() {
        let (_, text, _) = run(&[], &[b"a\xffb", b"\xd0"]);
        assert_eq!(text, "a\u{fffd}b");
    }

    #[test]
    fn text_before_a_stop_string_inside_one_token_is_carried() {
        let (_, text, kept) = run(&["\""], &[b"the", b" sea.\"\n"]);
        assert_eq!(text, "the sea.");
        assert_eq!((kept.tokens, kept.carry.as_str()), (1, " sea."));
    }
}
