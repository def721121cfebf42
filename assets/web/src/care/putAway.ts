/** Words of help that were put away, by the dream and their title: remembered while the page is open, and kept nowhere. */
let keys: ReadonlySet<string> = new Set();
const listeners = new Set<() => void>();

export const putAway = {
  get: () => keys,
  add: (key: string): void => {
    keys = new Set([...keys, key]);
    for (const listener of listeners) listener();
  },
  listen: (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
