import { useTranslation } from "react-i18next";

import type { Interpretation } from "../api/client";
import { useFormats } from "../i18n/format";

const confidence = (share: number) => (share < 0.5 ? "low" : share < 0.75 ? "fair" : "good");

/** Who wrote the reading, how, and what it is not. */
export function Colophon({ reading }: { reading: Interpretation }) {
  const { t } = useTranslation();
  const { languageName } = useFormats();
  const sources = reading.sources.filter((source) => source.kind !== "dream");
  const rows = [
    [t("dream.colophon.lens"), t(`dream.lens.${reading.lens}.name`)],
    [t("dream.colophon.model"), reading.model],
    [t("dream.colophon.language"), languageName(reading.language)],
    [t("dream.colophon.confidence"), t(`dream.confidence.${confidence(reading.confidence)}`)],
    [t("dream.colophon.sources"), sources.map((source) => source.reference).join("; ")],
  ] as const;
  return (
    <footer className="flex max-w-prose flex-col gap-4 border-t border-line pt-5 text-sm text-muted">
      {reading.notices.map((notice) => (
        <p key={notice} dir="auto" className="font-medium text-ink">
          {notice}
        </p>
      ))}
      <p className="text-ink">{t("dream.colophon.disclaimer")}</p>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1">
        {rows.map(
          ([name, value]) =>
            value && (
              <div key={name} className="contents">
                <dt>{name}</dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ),
        )}
      </dl>
    </footer>
  );
}
