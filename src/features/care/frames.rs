//! What is dreamed and what is waking life: the dream's frame, followed from sentence to sentence.
//!
//! A text that begins as a dream stays one until something says awake: "in real life", waking up, "that was the dream". Words of the
//! present ("I want to die") are not taken for the story of a dream that is told in the past, nor are they in a clause that stands
//! beside the one that opens it. Most dreams are told without saying so, and at length: a long text is a dream's story until something
//! says awake, and it is one again where it goes on for long after that.

use super::{
    patterns::{Pattern, Span},
    rules::{Frames, Time},
    text,
};

/// Calls for help are short: more words in which nothing says awake are a story.
const MOST_WORDS_OF_NO_STORY: usize = 60;

/// In what a place of a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Something says awake.
    Awake,
    /// The sentence names a time of waking life, and no dream.
    Dated,
    /// Nothing says anything.
    Unknown,
    /// Nothing says anything, but somebody wakes later.
    Narrated,
    /// An earlier sentence opened a dream, or the text is long.
    Inherited,
    /// The same, and its story is told in the present.
    Story,
    /// The same, and the dreamer has woken within the dream, or is dead.
    Deep,
    /// A clause beside the one that opens the dream: "I dreamed of the sea, and I want …". Whether a time of waking life is named in it,
    /// and whether it is said against the dream: "but I want …".
    Beside { dated: bool, against: bool },
    /// The sentence itself says that it is dreamed.
    Dream,
}

impl Frame {
    /// Whether a rule of this time counts here.
    pub fn counts(self, time: Time) -> bool {
        match self {
            Self::Awake => true,
            Self::Dated | Self::Unknown | Self::Beside { dated: true, .. } => time != Time::Awake,
            Self::Inherited | Self::Beside { against: true, .. } => matches!(time, Time::Now | Time::Habit | Time::Always),
            Self::Narrated | Self::Deep | Self::Beside { .. } => matches!(time, Time::Now | Time::Always),
            Self::Story => time == Time::Always,
            Self::Dream => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// A dream is told from here on.
    Opens,
    /// What stands in the same clause is dreamed, before and after.
    Inside,
    Woke,
    Real,
}

impl Mark {
    fn is_of_dream(self) -> bool {
        matches!(self, Self::Opens | Self::Inside)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Unknown,
    Dream,
    Awake,
}

/// Where a clause begins that may be awake beside a dream.
struct Aside {
    from: usize,
    against: bool,
    dated: bool,
}

/// What one sentence says about frames.
struct Marks {
    in_order: Vec<(Span, Mark)>,
    undream: bool,
    ends: Option<usize>,
    /// It names a time of waking life, and no dream.
    dated: bool,
    /// It tells in the present, as dreams are told.
    story: bool,
    when_woke: bool,
    woke: bool,
    only: bool,
    deep: bool,
    /// The dream is told as a whole clause, and what is joined to it is dreamed.
    reported: bool,
    asides: Vec<Aside>,
    /// Intents of then.
    past: Vec<Span>,
}

impl Marks {
    fn of(frames: &Frames, sentence: &str) -> Self {
        let deep: Vec<Span> = frames.deep.places(sentence).collect();
        let is_deep = |(start, _): &Span| deep.iter().any(|(from, to)| from <= start && start < to);
        let woke: Vec<Span> = frames.woke.places(sentence).filter(|span| !is_deep(span)).collect();
        let undream: Vec<Span> = frames.undream.places(sentence).collect();
        let ends: Vec<Span> = frames.ends.places(sentence).collect();
        // "That was the dream", "no dream", "woke from the dream" name it and leave it.
        let is_left = |(start, _): &Span| undream.iter().chain(&ends).chain(&woke).any(|(from, to)| from <= start && start < to);
        let of_dream = |pattern: &Pattern, mark| {
            pattern.places(sentence).filter(|span| !is_left(span)).map(move |span| (span, mark)).collect::<Vec<_>>()
        };
        let mut in_order = of_dream(&frames.opens, Mark::Opens);
        in_order.extend(of_dream(&frames.deep, Mark::Opens));
        in_order.extend(of_dream(&frames.inside, Mark::Inside));
        in_order.extend(frames.real.places(sentence).map(|span| (span, Mark::Real)));
        in_order.extend(woke.iter().map(|span| (*span, Mark::Woke)));
        in_order.sort_unstable();
        let dreamy = in_order.iter().any(|(_, mark)| mark.is_of_dream());
        Self {
            dated: !dreamy && frames.now.is_in(sentence),
            story: !dreamy && frames.story.is_in(sentence),
            when_woke: frames.when_woke.is_in(sentence),
            only: undream.is_empty() && frames.only.is_in(sentence),
            undream: !undream.is_empty(),
            ends: ends.first().map(|(start, _)| *start),
            woke: !woke.is_empty(),
            deep: !deep.is_empty(),
            reported: frames.reported.is_in(sentence),
            asides: if dreamy { asides(frames, sentence) } else { Vec::new() },
            past: frames.past.places(sentence).collect(),
            in_order,
        }
    }

    fn is_any(&self) -> bool {
        self.undream || self.ends.is_some() || !self.in_order.is_empty()
    }

    fn is_dreamy(&self) -> bool {
        self.in_order.iter().any(|(_, mark)| mark.is_of_dream())
    }

    /// The frame of a place behind a dream's mark that ends there.
    fn behind_dream(&self, start: usize, mark_end: usize) -> Frame {
        let opened = self.in_order.iter().any(|((from, _), mark)| *mark == Mark::Opens && *from <= start);
        let parts = |aside: &&Aside| (mark_end..=start).contains(&aside.from) && (aside.against || (opened && !self.reported));
        let Some(first) = self.asides.iter().filter(parts).min_by_key(|aside| aside.from) else { return Frame::Dream };
        Frame::Beside { dated: first.dated, against: self.asides.iter().filter(parts).any(|aside| aside.against) }
    }
}

fn asides(frames: &Frames, sentence: &str) -> Vec<Aside> {
    let begun = |pattern: &Pattern, against| {
        let places = pattern.places(sentence);
        // With the space before it, which patterns ask for.
        places.map(move |(from, _)| Aside { from, against, dated: frames.now.is_in(&sentence[from - 1..]) }).collect::<Vec<_>>()
    };
    let mut asides = begun(&frames.aside, false);
    asides.extend(begun(&frames.contrast, true));
    asides
}

/// Follows the frame through a text's folded sentences.
pub struct Follower<'a> {
    sentences: &'a [String],
    marks: Vec<Marks>,
    words: Vec<usize>,
    /// The text is so long that it is a dream's story where nothing says otherwise.
    long: bool,
    told: Told,
    story: bool,
    deep: bool,
    at: usize,
}

impl<'a> Follower<'a> {
    /// Stands before the first sentence.
    pub fn new(frames: &Frames, sentences: &'a [String]) -> Self {
        let marks = sentences.iter().map(|sentence| Marks::of(frames, sentence)).collect();
        let words: Vec<usize> = sentences.iter().map(|sentence| text::words(sentence)).collect();
        let long = words.iter().sum::<usize>() > MOST_WORDS_OF_NO_STORY;
        Self { sentences, marks, words, long, told: Told::Unknown, story: false, deep: false, at: 0 }
    }

    pub fn is_long(&self) -> bool {
        self.long
    }

    /// Whether the text so far is told in the present, as dreams are.
    pub fn tells_a_story(&self) -> bool {
        self.story || self.marks[self.at].story
    }

    /// Whether a place speaks of an intent of then, in a text that tells a dream.
    pub fn is_of_then(&self, (start, end): Span, frame: Frame) -> bool {
        let told_as_dreamed = self.told == Told::Dream || (self.told == Told::Unknown && self.long);
        let of_a_dream = matches!(frame, Frame::Beside { .. }) || (told_as_dreamed && frame != Frame::Awake);
        of_a_dream && self.marks[self.at].past.iter().any(|(from, to)| *from < end && start < *to)
    }

    /// The frame of a place in the sentence where it stands.
    pub fn frame(&self, (start, end): Span) -> Frame {
        let marks = &self.marks[self.at];
        if marks.undream {
            return Frame::Awake;
        }
        if let Some(ends) = marks.ends {
            return if start < ends { Frame::Dream } else { Frame::Awake };
        }
        let sentence = &self.sentences[self.at];
        let in_clause = |(from, _): Span| from >= start && !sentence.get(end..from).is_some_and(|between| between.contains(" , "));
        if marks.in_order.iter().any(|(span, mark)| *mark == Mark::Inside && in_clause(*span)) {
            return Frame::Dream;
        }
        match marks.in_order.iter().rev().find(|((from, _), _)| *from <= start) {
            Some(((_, mark_end), mark)) if mark.is_of_dream() => marks.behind_dream(start, *mark_end),
            Some(_) => Frame::Awake,
            None => self.frame_before_marks(marks),
        }
    }

    /// The frame of what stands before all marks of its sentence.
    fn frame_before_marks(&self, marks: &Marks) -> Frame {
        match marks.in_order.first() {
            Some((_, Mark::Inside)) if self.told != Told::Awake => return Frame::Dream,
            Some((_, Mark::Woke)) if self.told == Told::Unknown => return if marks.when_woke { Frame::Awake } else { Frame::Narrated },
            _ => {}
        }
        match self.told {
            Told::Awake => Frame::Awake,
            _ if marks.dated => Frame::Dated,
            Told::Dream if self.deep => Frame::Deep,
            Told::Dream if self.tells_a_story() => Frame::Story,
            Told::Dream => Frame::Inherited,
            Told::Unknown if self.marks[self.at..].iter().any(|marks| marks.only) => Frame::Dream,
            Told::Unknown if self.long && self.tells_a_story() => Frame::Story,
            Told::Unknown if self.marks[self.at + 1..].iter().any(|marks| marks.woke) => Frame::Narrated,
            Told::Unknown if self.long => Frame::Inherited,
            Told::Unknown => Frame::Unknown,
        }
    }

    /// Whether many words without a mark come next.
    fn goes_on_for_long(&self) -> bool {
        let unmarked = self.marks[self.at + 1..].iter().zip(&self.words[self.at + 1..]).take_while(|(marks, _)| !marks.is_any());
        unmarked.map(|(_, words)| words).sum::<usize>() > MOST_WORDS_OF_NO_STORY
    }

    /// Goes on to the next sentence, and says whether the one that it leaves is of waking life as a whole.
    pub fn step(&mut self) -> bool {
        let marks = &self.marks[self.at];
        let before = self.told;
        if marks.undream || marks.ends.is_some() {
            self.told = Told::Awake;
        } else if let Some((_, last)) = marks.in_order.last() {
            self.told = if last.is_of_dream() { Told::Dream } else { Told::Awake };
        }
        if self.told == Told::Awake && self.goes_on_for_long() {
            self.told = Told::Unknown;
        }
        if self.told != before {
            (self.story, self.deep) = (false, false);
        }
        self.deep |= marks.deep && self.told == Told::Dream;
        if self.told != Told::Awake {
            self.story |= marks.story;
        }
        let dreamed = (marks.is_dreamy() && !marks.undream) || (self.told == Told::Dream && !marks.dated);
        self.at += 1;
        !dreamed
    }
}
