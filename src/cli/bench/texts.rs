//! Texts to measure with: dreams of about 90 tokens, written for this, and as many different ones as their sentences give.

use std::{path::Path, time::SystemTime};

use anyhow::{Context as _, ensure};

/// One dream a line.
pub const DREAMS: &str = include_str!("texts.txt");

/// A number that no earlier run had: the second of its beginning. A server may know what an earlier run has asked it.
pub fn number_of_this_run() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())
}

/// The texts of a file, one a line.
pub fn of_file(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read as text", path.display()))?;
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    ensure!(!lines.is_empty(), "{} holds no text", path.display());
    Ok(lines)
}

/// Different texts of three sentences each, taken from different dreams.
pub fn recombined(count: usize) -> Vec<String> {
    let dreams: Vec<Vec<&str>> = DREAMS.lines().map(|dream| dream.split_inclusive(". ").map(str::trim).collect()).collect();
    let sentences: Vec<(usize, &str)> =
        dreams.iter().enumerate().flat_map(|(dream, sentences)| sentences.iter().map(move |sentence| (dream, *sentence))).collect();
    let total = sentences.len();
    // A stride that shares no factor with the number of combinations visits each of them once.
    let combinations = total * total * total;
    let stride = (combinations * 2 / 5..).find(|stride| gcd(*stride, combinations) == 1).unwrap_or(1);
    let picks = (0..combinations).map(|step| step * stride % combinations);
    let three = picks.map(|pick| [sentences[pick % total], sentences[pick / total % total], sentences[pick / total / total]]);
    let different = three.filter(|[first, second, third]| first.0 != second.0 && second.0 != third.0 && first.0 != third.0);
    different.map(|three| three.map(|(_, sentence)| sentence).join(" ")).take(count).collect()
}

fn gcd(left: usize, right: usize) -> usize {
    if right == 0 { left } else { gcd(right, left % right) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn recombined_texts_are_all_different() {
        let texts = recombined(2000);
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), 2000);
        assert!(texts.iter().all(|text| text.len() > 60));
    }
}
