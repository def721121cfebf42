//! What measurements have in common: figures with all their rounds, gathered by section, beside another server's.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::{Map, Value};

/// Everything that one run of `oneiros bench` found out.
#[derive(Serialize)]
pub struct Report {
    pub version: &'static str,
    pub machine: super::machine::Machine,
    /// The server that ours is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    pub sections: Vec<Section>,
    /// What could not be measured, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
}

#[derive(Serialize)]
pub struct Failed {
    pub what: &'static str,
    pub why: String,
}

/// One measurement under one set of conditions.
#[derive(Serialize)]
pub struct Section {
    pub name: String,
    /// The conditions: the model, how many clients, how many rows.
    pub about: Map<String, Value>,
    pub figures: Vec<Figure>,
    /// What programs may want to look at; too long for a table.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

#[derive(Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    #[serde(flatten)]
    pub ours: Series,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Series>,
    /// Ours divided by the other's: the median of the rounds' ratios, since a machine may be faster in one round than in
    /// another; of the medians where one of them has no value for some round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// The same thing measured once a round.
#[derive(Default, Serialize)]
pub struct Series {
    /// `None` where no round had a value.
    pub median: Option<f64>,
    /// In the order in which they were measured.
    pub rounds: Vec<f64>,
}

/// Who was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Theirs,
}

impl Whose {
    /// What a section calls its model.
    pub fn model(self) -> &'static str {
        match self {
            Self::Ours => "model",
            Self::Theirs => "their model",
        }
    }

    /// What a section calls the requests that it works on at the same time.
    pub fn slots(self) -> &'static str {
        match self {
            Self::Ours => "slots",
            Self::Theirs => "their slots",
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ours => "this server",
            Self::Theirs => "the other server",
        })
    }
}

impl Section {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), about: Map::new(), figures: Vec::new(), details: Map::new() }
    }

    pub fn about(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set_about(name, value);
        self
    }

    pub fn set_about(&mut self, name: &str, value: impl Into<Value>) {
        self.about.insert(name.into(), value.into());
    }

    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }

    /// The other server does not do such things.
    pub fn not_offered(self, refusal: &anyhow::Error) -> Self {
        self.about("the other server", format!("not offered ({refusal:#})"))
    }

    /// Adds one round's value to the figure of that name; of nothing measured there is no figure.
    pub fn add(&mut self, whose: Whose, name: &'static str, unit: &'static str, value: impl Into<Option<f64>>) {
        let Some(value) = value.into() else { return };
        let place = self.figures.iter().position(|figure| figure.name == name).unwrap_or_else(|| {
            self.figures.push(Figure { name, unit, ours: Series::default(), against: None, ratio: None });
            self.figures.len() - 1
        });
        let figure = &mut self.figures[place];
        match whose {
            Whose::Ours => figure.ours.add(value),
            Whose::Theirs => figure.against.get_or_insert_default().add(value),
        }
        figure.ratio = figure.against.as_ref().and_then(|theirs| figure.ours.divided_by(theirs));
    }

    /// As [`Self::add`], of ours.
    pub fn ours(&mut self, name: &'static str, unit: &'static str, value: impl Into<Option<f64>>) {
        self.add(Whose::Ours, name, unit, value);
    }
}

impl Series {
    fn add(&mut self, value: f64) {
        self.rounds.push(value);
        self.median = percentile(&self.rounds, 0.5);
    }

    fn divided_by(&self, other: &Self) -> Option<f64> {
        let divided = |(ours, theirs): (f64, f64)| (theirs != 0.0).then(|| ours / theirs);
        if self.rounds.len() == other.rounds.len() {
            let ratios: Vec<f64> = self.rounds.iter().copied().zip(other.rounds.iter().copied()).filter_map(divided).collect();
            return percentile(&ratios, 0.5);
        }
        self.median.zip(other.median).and_then(divided)
    }

    fn in_words(&self) -> String {
        self.median.map_or_else(|| "–".into(), number)
    }
}

/// The value below which this part (0 to 1) of all values lies, between two values where it falls between them. None has none.
pub fn percentile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * part;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor()))
}

impl Report {
    /// The table for people.
    pub fn in_words(&self) -> Result<String, fmt::Error> {
        let mut text = format!("Oneiros {} on {}\n", self.version, self.machine.in_words());
        if let Some(against) = &self.against {
            writeln!(text, "against {against}; a ratio is ours divided by theirs")?;
        }
        for section in &self.sections {
            let about: Vec<String> = section.about.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
            let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
            writeln!(text, "\n{}{about}", section.name)?;
            for figure in &section.figures {
                writeln!(text, "  {}", figure.in_words())?;
            }
        }
        for Failed { what, why } in &self.failed {
            writeln!(text, "\n{what}: not measured: {why}")?;
        }
        Ok(text.trim_end().to_owned())
    }
}

impl Figure {
    fn in_words(&self) -> String {
        let Self { name, unit, ours, against, ratio } = self;
        let mut text = format!("{name:<44} {:>12} {unit:<9}", ours.in_words());
        if let Some(theirs) = against {
            let _ = write!(text, " theirs {:>12}", theirs.in_words());
        }
        if let Some(ratio) = ratio {
            let _ = write!(text, "  {ratio:.2}×");
        }
        if ours.rounds.len() > 1 {
            let (least, most) = ours.rounds.iter().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
            let _ = write!(text, "  ({} to {}, {} rounds)", number(least), number(most), ours.rounds.len());
        }
        text.trim_end().to_owned()
    }
}

/// A number with as many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middling if middling >= 10.0 => format!("{value:.1}"),
        small if small >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn percentiles_lie_where_they_should() {
        let lies_at = |values: &[f64], part, at| percentile(values, part).is_some_and(|found| close(found, at));
        assert!(lies_at(&[3.0, 1.0, 2.0], 0.5, 2.0) && lies_at(&[4.0, 1.0, 2.0, 3.0], 0.5, 2.5));
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!(lies_at(&hundred, 0.95, 95.0) && lies_at(&hundred, 1.0, 100.0));
    }

    #[test]
    fn of_nothing_measured_there_is_no_figure() {
        assert_eq!(percentile(&[], 0.5), None);
        let mut section = Section::new("llm");
        section.ours("gap", "ms", percentile(&[], 0.99));
        assert!(section.figures.is_empty());
        section.add(Whose::Theirs, "gap", "ms", 7.0);
        assert!(section.figures[0].ratio.is_none() && section.figures[0].in_words().contains('–'));
    }

    #[test]
    fn a_ratio_is_of_rounds_and_only_where_both_were_measured() {
        let mut section = Section::new("llm");
        for value in [10.0, 30.0, 20.0] {
            section.add(Whose::Ours, "speed", "tokens/s", value);
        }
        assert_eq!(section.figures[0].ratio, None);
        section.add(Whose::Theirs, "speed", "tokens/s", 40.0);
        assert!(section.figures[0].ratio.is_some_and(|ratio| close(ratio, 0.5)), "of medians as long as there is one of theirs");
        // In the second round the machine was three times as fast for both.
        section.add(Whose::Theirs, "speed", "tokens/s", 100.0);
        section.add(Whose::Theirs, "speed", "tokens/s", 80.0);
        assert!(section.figures[0].ratio.is_some_and(|ratio| close(ratio, 0.25)), "the median of 0.25, 0.3 and 0.25");
        assert_eq!(section.figures[0].ours.rounds, [10.0, 30.0, 20.0]);
        assert!(section.figures[0].in_words().contains("0.25×"));
    }
}
