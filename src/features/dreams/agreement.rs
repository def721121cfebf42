//! How far two looks at one dream agree: a second sample of mood and feelings, or the readings through other lenses.

use super::{Emotion, Interpretation, Mood};

/// What a reading says of a dream's feeling.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub mood: Mood,
    pub emotions: Vec<String>,
}

impl Look {
    pub fn new(mood: Mood, emotions: &[Emotion]) -> Self {
        Self { mood, emotions: emotions.iter().map(|emotion| emotion.name.clone()).collect() }
    }

    /// 0 to 1: half for the mood, half for the feelings that both name.
    pub fn agreement(&self, other: &Self) -> f32 {
        let mood = if self.mood == other.mood {
            1.0
        } else if self.mood.tone() == other.mood.tone() {
            0.5
        } else {
            0.0
        };
        let most = self.emotions.len().max(other.emotions.len());
        let both = self.emotions.iter().filter(|name| other.emotions.contains(name)).count();
        f32::midpoint(mood, super::checks::share(both, most))
    }

    /// The mean over several; `None` when there are none.
    pub fn agreement_with(&self, others: &[Self]) -> Option<f32> {
        let count = u16::try_from(others.len()).ok().filter(|count| *count > 0)?;
        Some(others.iter().map(|other| self.agreement(other)).sum::<f32>() / f32::from(count))
    }
}

impl From<&Interpretation> for Look {
    fn from(reading: &Interpretation) -> Self {
        Self::new(reading.mood, &reading.emotions)
    }
}

/// Whether a mood is bright, dark or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Bright,
    Neither,
    Dark,
}

impl Mood {
    fn tone(self) -> Tone {
        match self {
            Self::Joyful | Self::Peaceful | Self::Hopeful => Tone::Bright,
            Self::Neutral | Self::Confused => Tone::Neither,
            Self::Sad | Self::Anxious | Self::Fearful | Self::Angry => Tone::Dark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(mood: Mood, emotions: &[&str]) -> Look {
        Look { mood, emotions: emotions.iter().map(ToString::to_string).collect() }
    }

    fn close(value: f32, expected: f32) -> bool {
        (value - expected).abs() < 1e-6
    }

    #[test]
    fn the_same_look_agrees_and_the_opposite_does_not() {
        let dark = look(Mood::Anxious, &["fear", "unease"]);
        assert!(close(dark.agreement(&dark), 1.0));
        assert!(close(dark.agreement(&look(Mood::Joyful, &["joy"])), 0.0));
        assert!(close(dark.agreement(&look(Mood::Fearful, &["fear"])), 0.5));
    }

    #[test]
    fn several_looks_count_alike() {
        let dark = look(Mood::Sad, &["grief"]);
        assert!(close(dark.agreement_with(&[dark.clone(), look(Mood::Joyful, &["joy"])]).unwrap(), 0.5));
        assert_eq!(dark.agreement_with(&[]), None);
    }
}
