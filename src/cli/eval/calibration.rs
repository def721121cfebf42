//! How well a stated confidence meets what people found: the reliability curve and the figures that sum it up.

use serde::Serialize;

/// Bins of the curve, each a tenth wide.
const BINS: usize = 10;
/// Letters that a whole bar takes.
const BAR: usize = 30;

/// One reading: what the server said, and whether it holds.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    pub confidence: f64,
    pub holds: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    pub readings: usize,
    /// Share of them that hold.
    pub base_rate: f64,
    pub bins: Vec<Bin>,
    /// Mean distance between what was said and what held, over the bins, by their readings.
    pub expected_calibration_error: f64,
    /// Mean squared distance between what was said and what is so.
    pub brier: f64,
    /// The same of somebody who says the base rate every time.
    pub brier_of_base_rate: f64,
    /// How often a reading that holds has a higher confidence than one that does not; 0.5 is chance.
    pub auc: f64,
}

/// Readings whose confidence lies in one tenth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub readings: usize,
    pub mean_confidence: Option<f64>,
    /// Share of them that hold.
    pub held: Option<f64>,
}

impl Calibration {
    /// `judged` holds at least one reading of either kind.
    pub fn of(judged: &[Judged]) -> Self {
        let base_rate = mean(judged.iter().map(|one| truth(one.holds))).unwrap_or_default();
        let bins: Vec<Bin> = (0..BINS).map(|number| bin(judged, number)).collect();
        let off = bins.iter().filter_map(|bin| Some((bin.mean_confidence? - bin.held?).abs() * bin.readings as f64));
        let squared =
            |said: &dyn Fn(&Judged) -> f64| mean(judged.iter().map(|one| (said(one) - truth(one.holds)).powi(2))).unwrap_or_default();
        Self {
            readings: judged.len(),
            base_rate,
            expected_calibration_error: off.sum::<f64>() / judged.len().max(1) as f64,
            brier: squared(&|one| one.confidence),
            brier_of_base_rate: squared(&|_| base_rate),
            auc: auc(judged),
            bins,
        }
    }

    /// The curve as a table with bars, and the figures below it.
    pub fn in_words(&self) -> String {
        let mut lines = vec!["confidence  readings  said   held".to_owned()];
        lines.extend(self.bins.iter().map(Bin::in_words));
        lines.push(format!("(█ share that held, │ what was said; of all {:.0} % held)\n", self.base_rate * 100.0));
        lines.push(format!("expected calibration error  {:.3}", self.expected_calibration_error));
        lines.push(format!(
            "Brier score                 {:.3} (saying the base rate every time: {:.3})",
            self.brier, self.brier_of_base_rate
        ));
        lines.push(format!("AUC                         {:.3}", self.auc));
        lines.join("\n")
    }
}

impl Bin {
    fn in_words(&self) -> String {
        let share = |share: Option<f64>| share.map_or_else(|| "   –".to_owned(), |share| format!("{share:.2}"));
        let line = format!(
            "{:.1} – {:.1}  {:>9}  {}   {}  {}",
            self.from,
            self.to,
            self.readings,
            share(self.mean_confidence),
            share(self.held),
            self.bar()
        );
        line.trim_end().to_owned()
    }

    fn bar(&self) -> String {
        let (Some(said), Some(held)) = (self.mean_confidence, self.held) else { return String::new() };
        let (said, held) = (place(said, BAR), place(held, BAR));
        (0..=BAR)
            .map(|at| {
                if at == said {
                    '│'
                } else if at < held {
                    '█'
                } else {
                    ' '
                }
            })
            .collect()
    }
}

/// Where a share lies on a scale of so many steps.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few steps")]
fn place(share: f64, steps: usize) -> usize {
    (share.clamp(0.0, 1.0) * steps as f64).round() as usize
}

fn bin(judged: &[Judged], number: usize) -> Bin {
    let (from, to) = (number as f64 / BINS as f64, (number + 1) as f64 / BINS as f64);
    let last = number + 1 == BINS;
    let within = judged.iter().filter(|one| one.confidence >= from && (one.confidence < to || last));
    let within: Vec<&Judged> = within.collect();
    Bin {
        from,
        to,
        readings: within.len(),
        mean_confidence: mean(within.iter().map(|one| one.confidence)),
        held: mean(within.iter().map(|one| truth(one.holds))),
    }
}

fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Over all pairs of one that holds and one that does not; equal confidence is half a win.
fn auc(judged: &[Judged]) -> f64 {
    let of = |holds: bool| judged.iter().filter(move |one| one.holds == holds).map(|one| one.confidence);
    let wins = of(true).flat_map(|good| {
        of(false).map(move |bad| match good.total_cmp(&bad) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
    });
    mean(wins).unwrap_or(0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(f64, bool)]) -> Vec<Judged> {
        pairs.iter().map(|(confidence, holds)| Judged { confidence: *confidence, holds: *holds }).collect()
    }

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9
    }

    #[test]
    fn the_order_alone_decides_the_auc() {
        assert!(close(auc(&judged(&[(0.9, true), (0.8, true), (0.2, false)])), 1.0));
        assert!(close(auc(&judged(&[(0.1, true), (0.8, false)])), 0.0));
        assert!(close(auc(&judged(&[(0.5, true), (0.5, false)])), 0.5));
        assert!(close(auc(&judged(&[(0.9, true), (0.3, true), (0.5, false), (0.1, false)])), 0.75));
    }

    #[test]
    fn who_says_what_is_so_has_no_error() {
        let said: Vec<(f64, bool)> = (0..10).map(|number| (0.7, number < 7)).collect();
        let calibration = Calibration::of(&judged(&said));
        assert!(close(calibration.expected_calibration_error, 0.0) && close(calibration.brier, calibration.brier_of_base_rate));
        assert_eq!((calibration.bins[7].readings, calibration.bins[7].held), (10, Some(0.7)));
    }

    #[test]
    fn who_is_too_sure_is_off_by_that_much() {
        let said: Vec<(f64, bool)> = (0..10).map(|number| (0.95, number < 5)).chain((0..10).map(|number| (0.25, number < 1))).collect();
        let calibration = Calibration::of(&judged(&said));
        assert!(close(calibration.expected_calibration_error, (0.45 + 0.15) / 2.0), "{calibration:?}");
        assert!(close(calibration.brier_of_base_rate, 0.3 * 0.7));
    }

    #[test]
    fn certainty_lies_in_the_last_bin() {
        let calibration = Calibration::of(&judged(&[(1.0, true), (0.0, false)]));
        assert_eq!((calibration.bins[0].readings, calibration.bins[9].readings), (1, 1));
    }

    #[test]
    fn the_curve_is_drawn() {
        let text = Calibration::of(&judged(&[(0.65, true), (0.65, false), (0.15, false), (0.15, false)])).in_words();
        let line = text.lines().find(|line| line.starts_with("0.6")).unwrap();
        assert!(line.contains("0.65   0.50") && line.matches('█').count() == 15 && line.ends_with('│'), "{text}");
        assert!(text.contains("Brier") && text.lines().any(|line| line == "0.9 – 1.0          0     –      –"), "{text}");
    }
}
