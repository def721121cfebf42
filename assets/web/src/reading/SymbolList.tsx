import { useTranslation } from "react-i18next";

import { follow, markId, meaningId, showing } from "./tie";
import type { Tie } from "./tie";

interface SymbolListProps {
  symbols: readonly { name: string; quote: string; meaning: string }[];
  /** Those that have a place in the dream's text. */
  marked: ReadonlySet<number | null>;
  language: string;
  tie: Tie;
}

/** The symbols and what each may stand for; a name leads back to its place in the dream. */
export function SymbolList({ symbols, marked, language, tie }: SymbolListProps) {
  const { t } = useTranslation();
  if (symbols.length === 0) return null;
  return (
    <div className="flex flex-col gap-2">
      <h4 className="font-semibold">{t("dream.reading.symbols")}</h4>
      <ul className="flex max-w-prose flex-col">
        {symbols.map(({ name, meaning }, index) => (
          <li
            key={index}
            lang={language}
            dir="auto"
            className={`arriving -mx-3 rounded-lg px-3 py-2 text-base transition-colors sm:text-lg ${tie.active === index ? "bg-mark" : ""}`}
          >
            {marked.has(index) ? (
              <a
                id={meaningId(tie, index)}
                href={`#${markId(tie, index)}`}
                onClick={(event) => follow(event, markId(tie, index))}
                {...showing(tie, index)}
                className="font-dream font-semibold text-ink underline decoration-mark-line decoration-2 underline-offset-4"
              >
                {name}
              </a>
            ) : (
              <span className="font-dream font-semibold">{name}</span>
            )}
            {meaning && <span className="block">{meaning}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
