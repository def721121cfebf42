/** What lies on the disk of a box. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Files below a state directory that hold a text; models are left out. What goes while it is looked at held nothing any more. */
export function filesHolding(folder: string, text: string): string[] {
  const sought = Buffer.from(text);
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    try {
      if (entry.isDirectory()) return entry.name === "artefacts" ? [] : filesHolding(path, text);
      return entry.isFile() && readFileSync(path).includes(sought) ? [path] : [];
    } catch {
      return [];
    }
  });
}
