import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { SimilarDream } from "../api/client";
import { DreamLinks } from "./DreamLinks";

/** The dreamer's own dreams that are most like this one. */
export function SimilarDreams({ similar, className }: { similar: SimilarDream[]; className: string }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <section aria-labelledby={id} className={`flex-col gap-2 ${className}`}>
      <h2 id={id} className="text-sm font-medium text-muted">
        {t("dream.similar.heading")}
      </h2>
      <DreamLinks dreams={similar.map(({ dream }) => dream)} />
    </section>
  );
}
