//! The weights of confidence, fitted on judged readings: logistic regression with an L2 penalty, by Newton's steps. The same readings
//! give the same weights.

use std::fmt::Write as _;

use anyhow::ensure;

use crate::features::dreams::{Signals, Weights};

/// The bias, then the signals in their order.
const COUNT: usize = 11;
const NAMES: [&str; COUNT] =
    ["bias", "grounding", "agreement", "completeness", "repetition", "length", "echo", "full", "chosen", "known", "sure"];
/// How hard weights are drawn to nought; the bias is not. There are hundreds of readings, not thousands, and some signals hardly vary.
pub const PENALTY: f64 = 1.0;
/// Newton's steps double the number of right digits; twenty are seldom used.
const MOST_STEPS: usize = 100;
const SMALLEST_STEP: f64 = 1e-10;

type Vector = [f64; COUNT];
type Matrix = [Vector; COUNT];

/// A reading's signals, and whether it holds.
pub type Example = (Signals, bool);

/// The error: without both kinds of readings there is nothing to tell apart.
pub fn fit(examples: &[Example]) -> anyhow::Result<Weights> {
    let holding = examples.iter().filter(|(_, holds)| *holds).count();
    ensure!(holding > 0 && holding < examples.len(), "readings that hold and readings that do not are needed to fit weights");
    let rows: Vec<(Vector, f64)> = examples.iter().map(|(signals, holds)| (inputs(signals), if *holds { 1.0 } else { 0.0 })).collect();
    let mut weights = [0.0; COUNT];
    for _ in 0..MOST_STEPS {
        let step = step(&rows, &weights);
        weights = go(&rows, &weights, &step);
        if step.iter().all(|part| part.abs() < SMALLEST_STEP) {
            break;
        }
    }
    Ok(named(&weights))
}

/// The file that the server's weights come from.
pub fn as_file(weights: &Weights, examples: &[Example]) -> String {
    let holding = examples.iter().filter(|(_, holds)| *holds).count();
    let mut text = format!(
        "# Fitted on assets/eval/confidence.jsonl by `oneiros eval confidence --fit`: what each signal adds to the odds that a reading holds.\n\
         # {} readings of the open half, {holding} of which hold; logistic regression, L2 penalty {PENALTY}.\n",
        examples.len()
    );
    for (name, value) in NAMES.iter().zip(values(weights)) {
        let _ = writeln!(text, "{name} = {value:.3}");
    }
    text
}

fn inputs(signals: &Signals) -> Vector {
    let Signals { grounding, agreement, completeness, repetition, length, echo, full, chosen, known, sure } = *signals;
    [1.0, grounding, agreement, completeness, repetition, length, echo, full, chosen, known, sure].map(f64::from)
}

fn values(weights: &Weights) -> [f32; COUNT] {
    let Weights { bias, grounding, agreement, completeness, repetition, length, echo, full, chosen, known, sure } = *weights;
    [bias, grounding, agreement, completeness, repetition, length, echo, full, chosen, known, sure]
}

fn named(weights: &Vector) -> Weights {
    #[expect(clippy::cast_possible_truncation, reason = "three decimals are kept of it")]
    let [bias, grounding, agreement, completeness, repetition, length, echo, full, chosen, known, sure] =
        weights.map(|weight| weight as f32);
    Weights { bias, grounding, agreement, completeness, repetition, length, echo, full, chosen, known, sure }
}

fn dot(left: &Vector, right: &Vector) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

fn penalty(at: usize) -> f64 {
    if at == 0 { 0.0 } else { PENALTY }
}

/// What is to be made small: how unlikely the judgements are under the weights, and the penalty.
fn loss(rows: &[(Vector, f64)], weights: &Vector) -> f64 {
    let unlikely: f64 = rows
        .iter()
        .map(|(inputs, holds)| {
            let odds = dot(inputs, weights);
            // The logarithm of 1 + exp(odds), which large odds do not overflow.
            odds.max(0.0) + (-odds.abs()).exp().ln_1p() - holds * odds
        })
        .sum();
    unlikely + weights.iter().enumerate().map(|(at, weight)| penalty(at) * weight * weight / 2.0).sum::<f64>()
}

/// Newton's step from here: the slope over the curvature.
fn step(rows: &[(Vector, f64)], weights: &Vector) -> Vector {
    let mut slope = [0.0; COUNT];
    let mut curvature: Matrix = [[0.0; COUNT]; COUNT];
    for (at, weight) in weights.iter().enumerate() {
        slope[at] = -penalty(at) * weight;
        // A trace of it for the bias, too, so that the curvature can always be divided by.
        curvature[at][at] = penalty(at) + 1e-9;
    }
    for (inputs, holds) in rows {
        let likely = 1.0 / (1.0 + (-dot(inputs, weights)).exp());
        for (at, input) in inputs.iter().enumerate() {
            slope[at] += (holds - likely) * input;
            for (other, value) in curvature[at].iter_mut().zip(inputs) {
                *other += likely * (1.0 - likely) * input * value;
            }
        }
    }
    solve(curvature, slope)
}

/// The whole step, or as much of it as makes the loss smaller.
fn go(rows: &[(Vector, f64)], weights: &Vector, step: &Vector) -> Vector {
    let before = loss(rows, weights);
    let mut part = 1.0;
    for _ in 0..20 {
        let mut there = *weights;
        there.iter_mut().zip(step).for_each(|(weight, step)| *weight += part * step);
        if loss(rows, &there) <= before {
            return there;
        }
        part /= 2.0;
    }
    *weights
}

/// Gauss' elimination; the matrix is symmetric and positive, so every pivot is there.
fn solve(mut matrix: Matrix, mut right: Vector) -> Vector {
    for column in 0..COUNT {
        let largest = (column..COUNT).max_by(|one, other| matrix[*one][column].abs().total_cmp(&matrix[*other][column].abs()));
        let largest = largest.unwrap_or(column);
        matrix.swap(column, largest);
        right.swap(column, largest);
        let known = right[column];
        let (above, below) = matrix.split_at_mut(column + 1);
        let row = above[column];
        for (other, value) in below.iter_mut().zip(&mut right[column + 1..]) {
            let factor = other[column] / row[column];
            other.iter_mut().zip(row).for_each(|(part, above)| *part -= factor * above);
            *value -= factor * known;
        }
    }
    let mut solved = [0.0; COUNT];
    for at in (0..COUNT).rev() {
        let rest: f64 = matrix[at].iter().zip(solved).skip(at + 1).map(|(factor, value)| factor * value).sum();
        solved[at] = (right[at] - rest) / matrix[at][at];
    }
    solved
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number from 0 to 1 that looks like chance and is the same each time.
    fn chance(seed: &mut u64) -> f32 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(*seed >> 48).unwrap()) / 65_536.0
    }

    /// Readings that hold by a rule.
    fn examples(count: usize, rule: &Weights) -> Vec<Example> {
        let mut seed = 7;
        let one = |_| {
            let mut next = || chance(&mut seed);
            let signals = Signals {
                grounding: next(),
                agreement: next(),
                completeness: next(),
                repetition: next(),
                length: next(),
                echo: next(),
                full: next().round(),
                chosen: next().round(),
                known: next(),
                sure: next(),
            };
            let holds = next() < rule.confidence(&signals);
            (signals, holds)
        };
        (0..count).map(one).collect()
    }

    const RULE: Weights = Weights {
        bias: -3.0,
        grounding: 0.0,
        agreement: 2.0,
        completeness: 4.0,
        repetition: -2.0,
        length: 0.0,
        echo: 0.0,
        full: 1.0,
        chosen: 0.0,
        known: 0.0,
        sure: 0.0,
    };

    #[test]
    fn a_known_rule_is_found_again() {
        let found = fit(&examples(20_000, &RULE)).unwrap();
        for (name, (found, known)) in NAMES.iter().zip(values(&found).into_iter().zip(values(&RULE))) {
            assert!((found - known).abs() < 0.25, "{name}: {found} and not {known}");
        }
    }

    #[test]
    fn few_readings_give_careful_weights_and_the_same_ones_each_time() {
        let few = examples(40, &RULE);
        let weights = fit(&few).unwrap();
        assert_eq!(weights, fit(&few).unwrap());
        assert!(values(&weights).iter().all(|weight| weight.abs() < 5.0), "{weights:?}");
        let parted: Vec<Example> = few.iter().map(|(signals, _)| (*signals, signals.completeness > 0.5)).collect();
        let weights = fit(&parted).unwrap();
        assert!(weights.completeness > 1.0 && weights.completeness.is_finite(), "{weights:?}");
    }

    #[test]
    fn one_kind_alone_tells_nothing() {
        let same: Vec<Example> = examples(20, &RULE).into_iter().map(|(signals, _)| (signals, true)).collect();
        assert!(fit(&same).is_err() && fit(&[]).is_err());
    }

    #[test]
    fn the_file_is_one_that_the_server_reads() {
        let some = examples(200, &RULE);
        let weights = fit(&some).unwrap();
        let read: Weights = toml::from_str(&as_file(&weights, &some)).unwrap();
        assert!((read.completeness - weights.completeness).abs() < 0.001, "{read:?}");
    }
}
