//! The files of `assets/` that the feature reads, all of them here.

use super::SymbolKind;

/// In the order in which people are shown them.
pub const LENSES: [&str; 5] = [
    include_str!("../../../assets/lenses/psychological.toml"),
    include_str!("../../../assets/lenses/jungian.toml"),
    include_str!("../../../assets/lenses/scientific.toml"),
    include_str!("../../../assets/lenses/islamic.toml"),
    include_str!("../../../assets/lenses/folk.toml"),
];

pub const SOURCES: &str = include_str!("../../../assets/lenses/sources.toml");

/// A file holds symbols of one kind.
pub const SYMBOLS: [(SymbolKind, &str); 6] = [
    (SymbolKind::Nature, include_str!("../../../assets/symbols/nature.toml")),
    (SymbolKind::Animals, include_str!("../../../assets/symbols/animals.toml")),
    (SymbolKind::People, include_str!("../../../assets/symbols/people.toml")),
    (SymbolKind::Places, include_str!("../../../assets/symbols/places.toml")),
    (SymbolKind::Objects, include_str!("../../../assets/symbols/objects.toml")),
    (SymbolKind::Events, include_str!("../../../assets/symbols/events.toml")),
];
