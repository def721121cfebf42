/** Dreams for the tests. A test that waits for a reading to be written has its own: the same text is the same dream. */

export const HORSE =
  "I was walking through my grandmother's old house when the floor turned into water. A white horse stood on the stairs " +
  "and looked at me without blinking. I tried to call my brother, but no sound came out of my mouth.";

/** As {@link HORSE}, told by someone else. */
export const HORSE_AGAIN =
  "In my grandmother's house the floor had turned into water. On the stairs a white horse was standing and it looked at " +
  "me. I wanted to call for my brother but I had no voice.";

export const TRAIN =
  "I missed the last train home and the station slowly filled with sand. An old man in a red coat handed me a key and told " +
  "me to dig. Under the sand I found a door, and behind it my mother was singing.";

/** In a language that nobody wrote sentences to choose from: the model writes its reading word by word. */
export const GERMAN =
  "Ich stand in der alten Mühle meines Großvaters, und statt Mehl fiel Schnee aus dem Trichter. Eine Katze saß auf dem " +
  "Mühlstein und schaute mich an, als ob sie auf mich gewartet hätte. Dann ging die Tür auf, und der Fluss kam herein.";

/** As {@link GERMAN}, another one. */
export const GERMAN_STATION =
  "Ich wartete auf einem Bahnhof, auf dem alle Uhren rückwärts gingen. Meine Schwester verkaufte Fahrkarten aus Glas, und " +
  "jede zerbrach, wenn man sie einsteckte. Am Ende fuhr der Zug ohne Schienen über das Meer davon.";

export const LIBRARY =
  "I was in a huge library where all the books were blank. When I opened one, a small blue bird flew out of it and sat on " +
  "my hand. I felt calm, as if I had waited for it for years.";

export const BRIDGE =
  "I drove my father's car over a bridge that grew longer and longer. Behind me a storm was coming, and the radio played a " +
  "song that I knew from my childhood. Then the bridge ended in the clouds.";

export const GARDEN =
  "There was a garden behind a wall, and every flower in it had a human voice. They argued about my name. I climbed the " +
  "wall to listen, and a black cat came and sat beside me.";

export const CELLAR =
  "I went down the stairs into the cellar of our school and found a river there. My mother stood in a small boat and held a " +
  "key. A black dog swam beside her, and when I took the key the water began to shine like the moon.";

/** Death in a dream, and nothing but a dream. */
export const OWN_FUNERAL =
  "I dreamed that I had died. I lay in a grave and saw my own funeral from above: my family threw white flowers on me, and I " +
  "wanted to tell them that I was not cold. A bird sat on the stone and sang.";

/** The same sea in a dream, and then somebody awake. */
export const AWAKE =
  "I dreamed that I rowed across a grey sea and could not find the shore. Then I woke up. I want to kill myself, and I have " +
  "wanted to for weeks. I do not know whom to tell.";

export const RUSSIAN =
  "Мне снилось, что я иду по заснеженному лесу и слышу, как кто-то зовёт меня по имени. Вдруг из-за деревьев вышла большая " +
  "чёрная собака и положила мне в руки старый ключ. Я проснулась со слезами на глазах.";

export const ARABIC =
  "رأيت في المنام أنني أطير فوق مدينة قديمة قرب البحر، وكان القمر كبيرا جدا. ثم سقطت في بئر عميقة، لكن أمي مدت يدها " +
  "وأخرجتني إلى النور.";

/** What the fake microphone says, again and again. */
export const SPOKEN = "A white horse was standing on the bridge. The river under the bridge was made of glass.";

/** A short dream that differs from every other one by its number. */
export const numbered = (number: number): string =>
  `I opened door number ${String(number)} of a long corridor and behind it lay the sea. A lighthouse blinked ` +
  `${String(number)} times, then I woke up.`;
