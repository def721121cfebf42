//! Multinomial logistic regression, fitted by accelerated gradient descent (Nesterov): the same weights each time.

use super::classifier::{CLASSES, shares};

/// What is known of one text, as numbers in places of a row of weights.
pub trait Features {
    /// The sum of a row's weights, each as often as its feature says.
    fn dot(&self, row: &[f32]) -> f32;
    /// Adds each feature so many times to its place in a row.
    fn add_to(&self, row: &mut [f32], times: f32);
    /// The square of the length.
    fn squared(&self) -> f32;
}

/// How long and how freely weights are fitted.
#[derive(Debug, Clone, Copy)]
pub struct Fitting {
    /// Features of a text.
    pub width: usize,
    pub rounds: u16,
    /// How far weights may grow against what the examples say: C of the literature.
    pub freedom: f32,
}

/// Weights for each class, of examples that each have features and a class; class 0 weighs as much as all others together.
pub fn fit<F: Features>(examples: &[(F, usize)], Fitting { width, rounds, freedom }: Fitting) -> Vec<f32> {
    let count = examples.len() as f32;
    let nothing = examples.iter().filter(|(_, class)| *class == 0).count() as f32;
    let importance = |class: usize| 0.5 / if class == 0 { nothing } else { count - nothing };
    let penalty = 1.0 / (freedom * count);
    // No step may be longer than the steepest curve of the loss allows.
    let curve = examples.iter().map(|(features, class)| importance(*class) * features.squared());
    let step = 1.0 / (0.5 * curve.sum::<f32>() + penalty);
    let mut weights = vec![0.0; CLASSES * width];
    if examples.is_empty() {
        return weights;
    }
    let mut ahead = weights.clone();
    for round in 0..rounds {
        let slope = slope(examples, &ahead, importance, penalty);
        let momentum = f32::from(round) / f32::from(round + 3);
        for ((weight, ahead), slope) in weights.iter_mut().zip(&mut ahead).zip(slope) {
            let next = *ahead - step * slope;
            *ahead = next + momentum * (next - *weight);
            *weight = next;
        }
    }
    weights
}

/// Which way the loss grows.
fn slope<F: Features>(examples: &[(F, usize)], weights: &[f32], importance: impl Fn(usize) -> f32, penalty: f32) -> Vec<f32> {
    let mut slope: Vec<f32> = weights.iter().map(|weight| penalty * weight).collect();
    let width = weights.len() / CLASSES;
    for (features, class) in examples {
        let shares = shares(weights, features);
        for (row, (number, share)) in slope.chunks_exact_mut(width).zip(shares.into_iter().enumerate()) {
            features.add_to(row, importance(*class) * (share - if number == *class { 1.0 } else { 0.0 }));
        }
    }
    slope
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_lie_apart_are_told_apart() {
        let place = |class: usize, noise: f32| {
            let mut features = vec![0.0; CLASSES + 1];
            features[class] = 1.0 + noise;
            features[CLASSES] = 1.0;
            (features, class)
        };
        let examples: Vec<_> = (0..40).map(|number: u8| place(usize::from(number) % CLASSES, f32::from(number % 7) / 10.0)).collect();
        let fitting = Fitting { width: CLASSES + 1, rounds: 200, freedom: 0.75 };
        let weights = fit(&examples, fitting);
        for (features, class) in &examples {
            let shares = shares(&weights, features);
            assert!((0..CLASSES).all(|other| other == *class || shares[other] < shares[*class]), "{class}: {shares:?}");
        }
        assert_eq!(weights, fit(&examples, fitting));
        assert!(fit::<Vec<f32>>(&[], fitting).iter().all(|weight| *weight == 0.0));
    }
}
