//! What is told while a dream is read: events in order, and of running text each sentence once it is whole and may be shown.

use tokio::sync::mpsc;

use super::{
    Dream, Mood, SimilarDream, WaitingEvent, checks,
    draft::{Standard, is_prose},
    form::read_symbol_line,
};
use crate::features::care::CareMessage;

/// What is told while a dream is read, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingEvent {
    Dream(Dream),
    /// Somebody awake may need help.
    Care(CareMessage),
    Similar(Vec<SimilarDream>),
    Waiting(WaitingEvent),
    /// More text of one field, as far as it may be shown. What is repaired comes with the finished reading.
    Delta {
        field: String,
        text: String,
    },
}

/// Where a reading's events go. A listener that is gone or does not listen never holds the engine up.
#[derive(Clone, Default)]
pub struct EventSink(Option<mpsc::Sender<ReadingEvent>>);

impl EventSink {
    /// Nobody listens.
    pub fn none() -> Self {
        Self(None)
    }

    /// A sink and its events. A whole reading fits in the channel, so sending never waits.
    pub fn channel() -> (Self, mpsc::Receiver<ReadingEvent>) {
        let (sender, receiver) = mpsc::channel(4096);
        (Self(Some(sender)), receiver)
    }

    /// Whether anybody hears what is sent.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    pub fn send(&self, event: ReadingEvent) {
        if let Some(sender) = &self.0 {
            // Full or closed: the listener is gone, which its own task notices.
            let _ = sender.try_send(event);
        }
    }
}

/// Tells a listener of the fields as they are written: of running text each sentence once it is whole and may be shown.
pub struct Telling<'a> {
    standard: &'a Standard<'a>,
    sink: &'a EventSink,
    /// The field that is being written, and what of it has been judged.
    writing: Option<(String, String, usize)>,
}

impl<'a> Telling<'a> {
    pub fn new(standard: &'a Standard<'a>, sink: &'a EventSink) -> Self {
        Self { standard, sink, writing: None }
    }

    /// The model wrote more of a field.
    pub fn more(&mut self, slot: &str, text: &str) {
        let (mut written, mut judged) = match self.writing.take() {
            Some((field, written, judged)) if field == slot => (written, judged),
            _ => (self.standard.form.openings.get(slot).map(|opening| format!("{opening} ")).unwrap_or_default(), 0),
        };
        written.push_str(if written.is_empty() || written.ends_with(' ') { text.trim_start() } else { text });
        // A title has no sentences; whatever is last may still go on.
        if slot != "title"
            && let [whole @ .., _] = checks::sentences(&written).as_slice()
        {
            let fit = whole[judged.min(whole.len())..].iter().filter(|sentence| self.standard.may_show(slot, sentence));
            fit.for_each(|sentence| self.tell(slot, format!("{sentence} ")));
            judged = whole.len();
        }
        self.writing = Some((slot.to_owned(), written, judged));
    }

    /// A field is written; what the draft kept of it, and the mood that is known so far.
    pub fn ended(&mut self, slot: &str, kept: &str, mood: Option<Mood>) {
        if is_prose(slot) {
            let judged = self.writing.take().filter(|(field, ..)| field == slot).map_or(0, |(.., judged)| judged);
            let shown = self.standard.kept(slot, kept).text;
            let before: String = checks::sentences(kept)
                .into_iter()
                .take(judged)
                .filter(|sentence| self.standard.may_show(slot, sentence))
                .map(|sentence| format!("{sentence} "))
                .collect();
            if let Some(rest) = shown.strip_prefix(before.trim_end()).map(str::trim_start).filter(|rest| !rest.is_empty()) {
                self.tell(slot, rest.to_owned());
            }
        } else if slot == "mood" {
            if let Some(mood) = mood {
                let name = serde_json::to_value(mood).ok().and_then(|name| name.as_str().map(str::to_owned));
                self.tell(slot, name.unwrap_or_default());
            }
        } else if let Some((name, quote)) = read_symbol_line(kept) {
            self.tell(&format!("{slot}.name"), name.to_owned());
            self.tell(&format!("{slot}.quote"), quote.to_owned());
        } else {
            self.tell(slot, kept.to_owned());
        }
    }

    fn tell(&self, field: &str, text: String) {
        self.sink.send(ReadingEvent::Delta { field: field.to_owned(), text });
    }
}
