//! Dreams for the tests. Each test has its own: the same text is the same dream.

pub const HORSE: &str = "I was walking through my grandmother's old house when the floor turned into water. A white horse stood on the \
stairs and looked at me without blinking. I tried to call my brother, but no sound came out of my mouth.";

pub const TRAIN: &str = "I missed the last train home and the station slowly filled with sand. An old man in a red coat handed me a key \
and told me to dig. Under the sand I found a door, and behind it my mother was singing.";

pub const LIBRARY: &str = "I was in a huge library where all the books were blank. When I opened one, a small blue bird flew out of it and \
sat on my hand. I felt calm, as if I had waited for it for years.";

pub const TEETH: &str = "My teeth were falling out one after another while I gave a speech at school. Nobody in the room noticed, they \
kept on clapping. I hid the teeth in my pocket and ran to the river.";

pub const BRIDGE: &str = "I drove my father's car over a bridge that grew longer and longer. Behind me a storm was coming, and the radio \
played a song that I knew from my childhood. Then the bridge ended in the clouds.";

pub const GARDEN: &str = "There was a garden behind a wall, and every flower in it had a human voice. They argued about my name. I climbed \
the wall to listen, and a black cat came and sat beside me.";

pub const MOUNTAIN: &str = "I climbed a mountain of glass with a wolf at my side. Each step rang like a bell. At the top there was a table \
laid for dinner, and all the chairs were empty but one, where I saw myself as a child.";

pub const RUSSIAN: &str = "Мне снилось, что я иду по заснеженному лесу и слышу, как кто-то зовёт меня по имени. Вдруг из-за деревьев вышла \
большая чёрная собака и положила мне в руки старый ключ. Я проснулась со слезами на глазах.";

pub const ARABIC: &str = "رأيت في المنام أنني أطير فوق مدينة قديمة قرب البحر، وكان القمر كبيرا جدا. ثم سقطت في بئر عميقة، لكن أمي مدت يدها \
وأخرجتني إلى النور.";

pub const GERMAN: &str = "Ich stand in der alten Mühle meines Großvaters, und statt Mehl fiel Schnee aus dem Trichter. Eine Katze saß auf \
    dem Mühlstein und schaute mich an, als ob sie auf mich gewartet hätte. Dann ging die Tür auf, und der Fluss kam herein.";

/// A short dream that differs from every other one by its number.
pub fn numbered(number: usize) -> String {
    format!(
        "I opened door number {number} of a long corridor and behind it lay the sea. A lighthouse blinked {number} times, then I woke up."
    )
}
