//! Whether a text reads as somebody's dream at all. A list, a page of code or a table of figures is kept and read like any other
//! text, but the reading says that little can be made of it.

use unicode_segmentation::UnicodeSegmentation as _;

/// From that share of such signs on a text is code or a table.
const MOST_SIGNS: f32 = 0.06;
/// Lines, or items between commas, that make a list …
const LIST_ITEMS: usize = 5;
/// … when they have no more words than that on average.
const ITEM_WORDS: usize = 3;

/// Whether it does. Poems do: they are told in lines, but not in single words.
pub fn reads_as_dream(text: &str) -> bool {
    let in_a_row = || is_one_sentence(text) && is_list(text.split([',', '،', ';', '؛', '、']));
    !(is_signs(text) || is_list(text.lines()) || in_a_row())
}

fn is_signs(text: &str) -> bool {
    let (mut signs, mut all) = (0, 0);
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        all += 1;
        signs += usize::from(
            matches!(letter, '{' | '}' | '(' | ')' | '[' | ']' | ';' | '=' | '<' | '>' | '|' | '\\' | '#' | '_' | '+' | '*')
                || letter.is_numeric(),
        );
    }
    super::checks::share(signs, all) > MOST_SIGNS
}

fn is_one_sentence(text: &str) -> bool {
    super::checks::sentences(text).len() == 1
}

fn is_list<'a>(items: impl Iterator<Item = &'a str>) -> bool {
    let words: Vec<usize> = items.map(|item| item.unicode_words().count()).filter(|count| *count > 0).collect();
    words.len() >= LIST_ITEMS && words.iter().sum::<usize>() <= words.len() * ITEM_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_reads_as_a_dream() {
        for dream in [
            "I was crossing a narrow bridge over the dark river, and my grandmother waited with a lantern.",
            "Мне снилось, что я стою на мосту, внизу бежит река, а бабушка машет мне рукой с того берега.",
            "رأيت في المنام أنني أمشي في بيت قديم، ثم جاء حصان أبيض وحملني إلى الجبل.",
            "The moon came down to drink\nand I was the water it drank\nand the water remembered my name\nand all the boats were asleep\nin the house of my mother's hands",
            "Flat 12, 48 Rose Street: I was at the old flat again and Mary opened the door for me.",
        ] {
            assert!(reads_as_dream(dream), "{dream}");
        }
    }

    #[test]
    fn lists_and_code_do_not() {
        for other in [
            "milk\neggs\nbread\nbutter\ntwo onions\nwashing powder",
            "milk, eggs, bread, butter, two onions, washing powder",
            "молоко, яйца, хлеб, масло, два лука, порошок",
            "fn main() { let x = vec![1, 2, 3]; for y in &x { println!(\"{}\", y); } }",
            "SELECT * FROM users WHERE id = 4 AND name = 'x'; DROP TABLE users; -- (1=1)",
        ] {
            assert!(!reads_as_dream(other), "{other}");
        }
    }
}
