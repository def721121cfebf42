import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { Interpretation } from "../api/client";

/** What is said beside every reading: who wrote it, what it is not, and who decides. */
export function Said({ reading }: { reading: Interpretation }) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const said = reading.said ?? [];
  const own = said.length > 0 && reading.language === i18n.language;
  return (
    // No landmark: where several readings stand beside each other, there would be several of one name.
    <div
      role="group"
      aria-labelledby={id}
      className="flex max-w-prose flex-col gap-2 rounded-xl border border-line bg-surface px-4 py-3"
    >
      <h4 id={id} className="font-semibold">
        {t("dream.said.heading")}
      </h4>
      {/* Who does not read the reading's language is told as well. */}
      {!own && <p>{t("dream.said.always")}</p>}
      {said.length > 0 && (
        <ul lang={reading.language} dir="auto" className="flex flex-col gap-1">
          {said.map((sentence) => (
            <li key={sentence} dir="auto">
              {sentence}
            </li>
          ))}
        </ul>
      )}
      {reading.notices.map((notice) => (
        <p key={notice} dir="auto" className="font-medium">
          {notice}
        </p>
      ))}
    </div>
  );
}
