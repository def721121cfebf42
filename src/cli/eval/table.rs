//! A table for people: names at the left, columns of figures at the right.

/// Each column is its head's lines and then a value for each name.
pub fn in_words(names: &[&str], columns: &[(Vec<String>, Vec<String>)]) -> String {
    let heads = columns.iter().map(|(head, _)| head.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = vec![String::new(); heads].into_iter().chain(names.iter().map(ToString::to_string)).collect();
    pad(&mut lines, |line, width| format!("{line:width$}"));
    for (head, values) in columns {
        let missing = vec![String::new(); heads - head.len()];
        let mut cells: Vec<String> = missing.into_iter().chain(head.iter().cloned()).chain(values.iter().cloned()).collect();
        pad(&mut cells, |cell, width| format!("{cell:>width$}"));
        lines.iter_mut().zip(cells).for_each(|(line, cell)| {
            line.push_str("  ");
            line.push_str(&cell);
        });
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn pad(cells: &mut [String], padded: impl Fn(&str, usize) -> String) {
    let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    cells.iter_mut().for_each(|cell| *cell = padded(cell, width));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heads() {
        let column = |head: &[&str], values: &[&str]| -> (Vec<String>, Vec<String>) {
            let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
            (owned(head), owned(values))
        };
        let table = in_words(&["valid", "with a loop"], &[column(&["small", "en"], &["100.0 %", "0"]), column(&["ru"], &["–", "12"])]);
        assert_eq!(table, "               small\n                  en  ru\nvalid        100.0 %   –\nwith a loop        0  12");
    }
}
