import { Link } from "@tanstack/react-router";
import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { DreamWithReadings } from "../api/client";

interface RecurringProps {
  kept: Pick<DreamWithReadings, "dream" | "recurring">;
  className: string;
}

/** Images of this dream that come back in others of the same person. */
export function Recurring({ kept: { dream, recurring }, className }: RecurringProps) {
  const { t } = useTranslation();
  const id = useId();
  if (recurring.length === 0) return null;
  return (
    <section aria-labelledby={id} className={`flex-col gap-2 ${className}`}>
      <h2 id={id} className="text-sm font-medium text-muted">
        {t("dream.recurring.heading")}
      </h2>
      <ul className="flex flex-col">
        {recurring.map((symbol) => (
          <li key={symbol.id}>
            <Link
              to="/symbols/$id"
              params={{ id: symbol.id }}
              className="inline-flex min-h-11 flex-wrap items-center gap-x-1 hover:text-accent"
            >
              <bdi lang={dream.language} className="font-dream font-semibold underline underline-offset-4">
                {symbol.name}
              </bdi>{" "}
              <span>{t("dream.recurring.times", { count: symbol.dreams })}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
