/** Of the list of packs: the keyboard goes there when a row goes. */
export const PACKS_HEADING = "lore-packs";
