//! The mel filter bank that a ggml Whisper file carries.

/// Frequency bins of a 400-point transform.
pub const BINS: usize = 201;
const SAMPLE_RATE: f64 = 16_000.0;

/// `mels` × [`BINS`] weights: Slaney's scale and area normalisation, as `librosa.filters.mel(sr=16000, n_fft=400)`
/// (<https://librosa.org/doc/latest/generated/librosa.filters.mel.html>) computes them, rounding included.
pub fn filters(mels: usize) -> Vec<f32> {
    let top = to_mel(SAMPLE_RATE / 2.0);
    let step = top / (mels + 1) as f64;
    let edges: Vec<f64> = (0..mels + 2).map(|index| to_hertz(if index == mels + 1 { top } else { index as f64 * step })).collect();
    let bin_width = SAMPLE_RATE / 2.0 / (BINS - 1) as f64;
    edges
        .array_windows::<3>()
        .flat_map(|&[low, centre, high]| {
            (0..BINS).map(move |bin| {
                let frequency = bin as f64 * bin_width;
                let rising = (frequency - low) / (centre - low);
                let falling = (high - frequency) / (high - centre);
                let weight = rising.min(falling).max(0.0) as f32;
                (f64::from(weight) * (2.0 / (high - low))) as f32
            })
        })
        .collect()
}

/// Slaney's scale is linear below this frequency and logarithmic above it.
const LINEAR_UP_TO_HERTZ: f64 = 1000.0;
const HERTZ_PER_MEL: f64 = 200.0 / 3.0;

fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn to_mel(hertz: f64) -> f64 {
    if hertz < LINEAR_UP_TO_HERTZ {
        return hertz / HERTZ_PER_MEL;
    }
    LINEAR_UP_TO_HERTZ / HERTZ_PER_MEL + (hertz / LINEAR_UP_TO_HERTZ).ln() / log_step()
}

fn to_hertz(mel: f64) -> f64 {
    let knee = LINEAR_UP_TO_HERTZ / HERTZ_PER_MEL;
    if mel < knee {
        return HERTZ_PER_MEL * mel;
    }
    LINEAR_UP_TO_HERTZ * (log_step() * (mel - knee)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_covers_an_area_of_about_one() {
        let filters = filters(80);
        assert_eq!(filters.len(), 80 * BINS);
        for filter in filters.chunks(BINS).skip(40) {
            let area: f32 = filter.iter().sum::<f32>() * 40.0;
            assert!((area - 1.0).abs() < 0.1, "area {area}");
        }
    }
}
