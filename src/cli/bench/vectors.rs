//! More vectors than there are texts: real ones and perturbed copies of them, the same at every run.

use clap::ValueEnum;

/// In which directions copies differ from what they copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Noise {
    /// Along the difference of two other real vectors: where texts really differ from each other
    Differences,
    /// In a random direction of all dimensions, in which no text ever lies: the harder search
    Isotropic,
}

/// The real vectors first, then copies without end.
pub struct Vectors<'a> {
    real: &'a [Vec<f32>],
    noise: Noise,
    length: [f32; 2],
    random: Random,
    made: usize,
}

impl<'a> Vectors<'a> {
    pub fn new(real: &'a [Vec<f32>], noise: Noise, length: [f32; 2]) -> Self {
        Self { real, noise, length, random: Random(0x6f6e_6569_726f_7321), made: 0 }
    }

    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub fn next(&mut self) -> Vec<f32> {
        self.made += 1;
        if let Some(real) = self.real.get(self.made - 1) {
            return real.clone();
        }
        let original = self.pick();
        let direction = match self.noise {
            Noise::Differences => self.difference(),
            Noise::Isotropic => (0..original.len()).map(|_| self.random.normal()).collect::<Vec<f32>>(),
        };
        let length = self.length[0] + (self.length[1] - self.length[0]) * self.random.fraction();
        let moved: Vec<f32> = original.iter().zip(of_length_one(&direction)).map(|(part, step)| part + length * step).collect();
        of_length_one(&moved)
    }

    fn pick(&mut self) -> &'a [f32] {
        &self.real[self.random.below(self.real.len())]
    }

    /// Of two different real vectors.
    fn difference(&mut self) -> Vec<f32> {
        let count = self.real.len();
        let one = self.random.below(count);
        let other = (one + 1 + self.random.below(count - 1)) % count;
        self.real[one].iter().zip(&self.real[other]).map(|(one, other)| one - other).collect()
    }
}

/// The same direction with length 1; nothing stays nothing.
pub fn of_length_one(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if length > 0.0 { vector.iter().map(|part| part / length).collect() } else { vector.to_vec() }
}

/// SplitMix64 (Steele, Lea, Flood 2014): good enough for noise, and the same everywhere.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 1, 1 left out.
    fn fraction(&mut self) -> f32 {
        // 24 bits are what an f32 holds.
        (self.next() >> 40) as f32 / (1_u32 << 24) as f32
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }

    /// Normal with mean 0 and variance 1 (Box and Muller 1958).
    fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.fraction()).cos()
    }

    /// One of the owners whose shares of all are told in hundredths, or of `others`, who have the rest in equal parts.
    pub fn owner(&mut self, shares: &[u32], others: usize) -> usize {
        let mut left = self.fraction() * 100.0;
        for (owner, share) in shares.iter().enumerate() {
            left -= *share as f32;
            if left < 0.0 {
                return owner;
            }
        }
        shares.len() + self.below(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_as_far_from_the_real_ones_as_was_asked_for() {
        let mut random = Random(1);
        let real: Vec<Vec<f32>> = (0..20).map(|_| of_length_one(&(0..384).map(|_| random.normal()).collect::<Vec<_>>())).collect();
        for noise in [Noise::Differences, Noise::Isotropic] {
            let mut vectors = Vectors::new(&real, noise, [0.2, 0.3]);
            for number in 0..200 {
                let vector = vectors.next();
                let length = vector.iter().map(|part| part * part).sum::<f32>();
                let nearest =
                    real.iter().map(|real| real.iter().zip(&vector).map(|(one, other)| one * other).sum::<f32>()).fold(-1.0, f32::max);
                assert!((length - 1.0).abs() < 1e-4);
                // A step of 0.2 to 0.3 sideways leaves a cosine of 0.95 to 0.98, one half along the vector little more.
                assert!(if number < 20 { nearest > 0.9999 } else { (0.93..0.995).contains(&nearest) }, "{noise:?} {number}: {nearest}");
            }
        }
    }

    #[test]
    fn owners_have_the_shares_that_were_asked_for() {
        let mut random = Random(7);
        let mut owned = [0_u32; 12];
        (0..100_000).for_each(|_| owned[random.owner(&[50, 10], 10)] += 1);
        assert!((49_000..51_000).contains(&owned[0]) && (9_500..10_500).contains(&owned[1]), "{owned:?}");
        assert!(owned[2..].iter().all(|owned| (3_700..4_300).contains(owned)), "{owned:?}");
    }
}
