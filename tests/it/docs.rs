//! What the documentation shows works as it is shown.

use oneiros::features::lore::{Lore, Pack};

const READING: &str = include_str!("../../docs/reading.md");

#[test]
fn the_example_of_a_pack_is_a_pack() {
    let example = READING.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let pack = Pack::parse(example).unwrap_or_else(|problem| panic!("{problem}"));
    let lore = Lore::with(&[pack]).unwrap_or_else(|problem| panic!("{problem}"));
    let lens = "sailors".parse().expect("an id");
    assert_eq!(lore.lens(&lens).expect("the lens").name("en"), "Sailors");
    let found = lore.dictionary().find("A foghorn called all night.", "en");
    assert_eq!(found[0].symbol, "foghorn");
    assert!(lore.dictionary().theme("foghorn", &lens, "en").expect("a theme").text.contains("a warning"));
}
