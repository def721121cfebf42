import { useTranslation } from "react-i18next";

import type { DreamWithReadings, LensId } from "../api/client";
import { SymbolItem } from "./SymbolItem";
import type { ReadingSymbol } from "./progress";
import type { Tie } from "./tie";

interface SymbolListProps {
  symbols: readonly ReadingSymbol[];
  /** Numbers of those that the server wrote of, from the dictionary. */
  composed: readonly number[];
  /** Those that have a place in the dream's text. */
  marked: ReadonlySet<number | null>;
  language: string;
  /** Absent where several readings stand beside the dream. */
  tie: Tie | null;
  /** Once the reading is there to be added to. */
  kept: DreamWithReadings | null;
  /** `null` while the reading is being written. */
  lens: LensId | null;
}

/** The symbols: what each may stand for, what the dictionary says, what comes to the dreamer's own mind. */
export function SymbolList({ symbols, composed, marked, language, tie, kept, lens }: SymbolListProps) {
  const { t } = useTranslation();
  if (symbols.length === 0) return null;
  return (
    <div className="flex flex-col gap-2">
      <h4 className="font-semibold">{t("dream.reading.symbols")}</h4>
      <ul className="flex max-w-prose flex-col">
        {symbols.map((symbol, index) => (
          <SymbolItem
            key={index}
            symbol={symbol}
            index={index}
            composed={composed.includes(index)}
            language={language}
            tie={marked.has(index) ? tie : null}
            kept={kept}
            lens={lens}
          />
        ))}
      </ul>
    </div>
  );
}
