import { useTranslation } from "react-i18next";

import type { Interpretation } from "../api/client";
import { useFormats } from "../i18n/format";
import { useLensWords } from "../lore/useLensWords";
import { Sources } from "../lore/Sources";
import { Fact, Facts, Verbatim } from "../ui/Facts";
import { HowMade } from "./HowMade";

/** Through which lens, by whom, how far to be trusted, on what it leans, and how it was made. */
export function Colophon({ reading }: { reading: Interpretation }) {
  const { t } = useTranslation();
  const { languageName } = useFormats();
  const { nameOf } = useLensWords();
  const level = reading.confidence_level ?? "low";
  const sources = reading.sources.filter((source) => source.kind !== "dream");
  return (
    <footer className="flex flex-col gap-2 border-t border-line pt-5 text-sm">
      <div className="max-w-prose">
        <Facts>
          <Fact name={t("dream.colophon.lens")}>
            <bdi>{nameOf(reading.lens)}</bdi>
          </Fact>
          <Fact name={t("dream.colophon.model")}>
            <Verbatim>{reading.model}</Verbatim>
          </Fact>
          <Fact name={t("dream.colophon.language")}>{languageName(reading.language)}</Fact>
          <Fact name={t("dream.colophon.confidence")}>{t(`dream.confidence.${level}`)}</Fact>
          {sources.length > 0 && (
            <Fact name={t("dream.colophon.sources")}>
              <Sources sources={sources} />
            </Fact>
          )}
        </Facts>
      </div>
      <details className="max-w-prose">
        <summary className="min-h-11 py-2 font-medium text-accent underline underline-offset-4">
          {t("dream.confidence.how")}
        </summary>
        <p className="py-2">{t("dream.confidence.help")}</p>
      </details>
      <HowMade reading={reading} />
    </footer>
  );
}
