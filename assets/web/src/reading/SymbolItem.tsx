import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import type { DreamWithReadings, LensId } from "../api/client";
import { Ground } from "../lore/Ground";
import { AssociationPart } from "./AssociationPart";
import { Composed } from "./Composed";
import type { ReadingSymbol } from "./progress";
import { follow, markId, meaningId, showing } from "./tie";
import type { Tie } from "./tie";

interface SymbolItemProps {
  symbol: ReadingSymbol;
  index: number;
  composed: boolean;
  language: string;
  /** To its place in the dream, where it has one. */
  tie: Tie | null;
  kept: DreamWithReadings | null;
  lens: LensId | null;
}

/** One symbol; its name leads back to its place in the dream. */
export function SymbolItem({ symbol, index, composed, language, tie, kept, lens }: SymbolItemProps) {
  const { t } = useTranslation();
  const { name, meaning, id, tradition } = symbol;
  // What was composed of the dictionary stands below with its sources.
  const repeated = tradition ? meaning.includes(tradition.text) : false;
  // As the box keeps it.
  const known = (id ?? name).toLowerCase();
  return (
    <li
      className={`arriving -mx-3 flex flex-col gap-2 rounded-lg px-3 py-2 text-base transition-colors sm:text-lg ${tie?.active === index ? "bg-mark" : ""}`}
    >
      <div lang={language} dir="auto">
        {tie ? (
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
        {meaning && !repeated && <span className="block">{meaning}</span>}
      </div>
      {composed && <Composed />}
      {tradition && (
        <div className="border-s-2 border-line ps-3 text-base">
          <Ground text={tradition.text} sources={tradition.sources} language={language} />
        </div>
      )}
      {id && (
        <Link
          to="/symbols/$id"
          params={{ id }}
          aria-label={t("dream.symbol.pageNamed", { name })}
          className="inline-flex min-h-6 self-start text-sm text-accent underline underline-offset-4"
        >
          {t("dream.symbol.page")}
        </Link>
      )}
      {kept && (
        <AssociationPart
          // What is being typed belongs to this symbol of this reading, wherever in the list it stands.
          key={`${lens} ${known}`}
          dream={kept.dream}
          symbol={known}
          name={name}
          association={kept.associations.find((one) => one.symbol === known)}
        />
      )}
    </li>
  );
}
