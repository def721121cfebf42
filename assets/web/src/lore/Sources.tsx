import type { CitedSource } from "../api/client";

/** Books and papers, as their authors named them. */
export function Sources({ sources }: { sources: readonly Pick<CitedSource, "reference">[] }) {
  if (sources.length === 0) return null;
  return (
    <ul className="flex flex-col text-sm text-muted">
      {sources.map(({ reference }) => (
        <li key={reference}>
          <cite translate="no" dir="auto" className="block text-start not-italic">
            {reference}
          </cite>
        </li>
      ))}
    </ul>
  );
}
