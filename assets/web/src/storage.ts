/** `localStorage` that never throws: a private window may bar it, and the page must work all the same. */
export const storage = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(`oneiros.${key}`);
    } catch {
      return null;
    }
  },
  set(key: string, value: string): void {
    try {
      localStorage.setItem(`oneiros.${key}`, value);
    } catch {
      // Barred or full: the choice lasts as long as the page.
    }
  },
  remove(key: string): void {
    try {
      localStorage.removeItem(`oneiros.${key}`);
    } catch {
      // Nothing was kept.
    }
  },
};
