//! The corpus of dream reports that an environment variable names.

use std::{collections::HashSet, fs::File, io::Read as _, path::PathBuf, process::Command};

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation as _;

/// What the server takes, in grapheme clusters.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=4000;

/// That many different reports, evenly spread over the corpus, each of a length that the server takes.
pub fn spread(count: usize) -> Vec<String> {
    let reports = all();
    assert!(reports.len() >= count, "ONEIROS_CORPUS holds {} usable reports; {count} are needed", reports.len());
    (0..count).map(|number| reports[number * reports.len() / count].clone()).collect()
}

fn all() -> Vec<String> {
    let path = std::env::var_os("ONEIROS_CORPUS")
        .expect("ONEIROS_CORPUS must name a file of dream reports: one JSON object with a `text` a line, plain or gzip");
    let mut known = HashSet::new();
    read(&PathBuf::from(path))
        .lines()
        .filter_map(|line| Some(serde_json::from_str::<Value>(line).ok()?["text"].as_str()?.trim().to_owned()))
        .filter(|text| LENGTHS.contains(&text.graphemes(true).count()))
        .filter(|text| !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()))
        .filter(|text| known.insert(text.clone()))
        .collect()
}

fn read(path: &PathBuf) -> String {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().expect("gzip");
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        return String::from_utf8(output.stdout).expect("UTF-8");
    }
    let mut text = String::new();
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text
}

/// The value below which a share of the values lie.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a short list")]
    let place = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}
