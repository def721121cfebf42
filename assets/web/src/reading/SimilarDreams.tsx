import { Link } from "@tanstack/react-router";
import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { SimilarDream } from "../api/client";
import { useFormats } from "../i18n/format";
import { directionOf } from "../i18n/locale";

/** The dreamer's own dreams that are most like this one. */
export function SimilarDreams({ similar, className }: { similar: SimilarDream[]; className: string }) {
  const { t } = useTranslation();
  const { date } = useFormats();
  const id = useId();
  return (
    <section aria-labelledby={id} className={`flex-col gap-2 ${className}`}>
      <h2 id={id} className="text-sm font-medium text-muted">
        {t("dream.similar.heading")}
      </h2>
      <ul className="flex flex-col divide-y divide-line">
        {similar.map(({ dream }) => (
          <li key={dream.id}>
            <Link to="/dreams/$id" params={{ id: dream.id }} className="group flex min-h-11 flex-col py-2">
              <span
                lang={dream.language}
                dir={directionOf(dream.language)}
                className="line-clamp-2 font-dream group-hover:text-accent"
              >
                {dream.text}
              </span>
              <time dateTime={dream.created_at} className="text-sm text-muted">
                {date(dream.created_at)}
              </time>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
