//! Multinomial logistic regression, fitted by accelerated gradient descent (Nesterov): the same weights each time.

use super::classifier::{CLASSES, shares};

const ROUNDS: u16 = 200;
/// How far weights may grow against what the examples say, as C of the literature: found on our own sentences.
const FREEDOM: f32 = 0.75;

/// Weights for each class, of examples that each have features and a class; class 0 weighs as much as all others together.
pub fn fit(examples: &[(Vec<f32>, usize)]) -> Vec<f32> {
    let Some(width) = examples.first().map(|(features, _)| features.len()) else { return Vec::new() };
    let count = examples.len() as f32;
    let nothing = examples.iter().filter(|(_, class)| *class == 0).count() as f32;
    let importance = |class: usize| 0.5 / if class == 0 { nothing } else { count - nothing };
    let penalty = 1.0 / (FREEDOM * count);
    // No step may be longer than the steepest curve of the loss allows.
    let curve = examples.iter().map(|(features, class)| importance(*class) * features.iter().map(|value| value * value).sum::<f32>());
    let step = 1.0 / (0.5 * curve.sum::<f32>() + penalty);
    let mut weights = vec![0.0; CLASSES * width];
    let mut ahead = weights.clone();
    for round in 0..ROUNDS {
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
fn slope(examples: &[(Vec<f32>, usize)], weights: &[f32], importance: impl Fn(usize) -> f32, penalty: f32) -> Vec<f32> {
    let mut slope: Vec<f32> = weights.iter().map(|weight| penalty * weight).collect();
    for (features, class) in examples {
        let shares = shares(weights, features);
        for (row, (number, share)) in slope.chunks_exact_mut(features.len()).zip(shares.into_iter().enumerate()) {
            let wrong = importance(*class) * (share - if number == *class { 1.0 } else { 0.0 });
            row.iter_mut().zip(features).for_each(|(sum, feature)| *sum += wrong * feature);
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
        let weights = fit(&examples);
        for (features, class) in &examples {
            let shares = shares(&weights, features);
            assert!((0..CLASSES).all(|other| other == *class || shares[other] < shares[*class]), "{class}: {shares:?}");
        }
        assert_eq!(weights, fit(&examples));
        assert!(fit(&[]).is_empty());
    }
}
