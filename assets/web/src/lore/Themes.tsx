import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { SymbolTheme } from "../api/client";
import { Ground } from "./Ground";
import { useLensWords } from "./useLensWords";

/** What an image may stand for, lens by lens. */
export function Themes({ themes, language }: { themes: readonly SymbolTheme[]; language: string }) {
  const { t } = useTranslation();
  const { nameOf, aboutOf } = useLensWords();
  const id = useId();
  return (
    <section aria-labelledby={id} className="flex flex-col gap-4">
      <h2 id={id} className="text-xl font-semibold">
        {t("lore.symbol.themes")}
      </h2>
      {themes.length === 0 && <p>{t("lore.symbol.noThemes")}</p>}
      <ul className="flex flex-col divide-y divide-line">
        {themes.map(({ lens, text, sources }) => (
          <li key={lens} className="flex flex-col gap-1 py-4 first:pt-0">
            <h3 className="font-semibold">{nameOf(lens)}</h3>
            {aboutOf(lens) && <p className="text-sm text-muted">{aboutOf(lens)}</p>}
            <Ground text={text} sources={sources} language={language} />
          </li>
        ))}
      </ul>
    </section>
  );
}
