import { useId } from "react";
import { useTranslation } from "react-i18next";

import { QueryState } from "../account/QueryState";
import { DreamLinks } from "../reading/DreamLinks";
import { useSymbolDreams } from "./api";

/** The person's own dreams that hold an image. */
export function SymbolDreams({ id }: { id: string }) {
  const { t } = useTranslation();
  const heading = useId();
  const query = useSymbolDreams(id);
  return (
    <section aria-labelledby={heading} className="flex flex-col gap-2">
      <h2 id={heading} className="text-xl font-semibold">
        {t("lore.symbol.dreams")}
      </h2>
      <QueryState query={query} />
      {query.data?.length === 0 && <p className="text-muted">{t("lore.symbol.noDreams")}</p>}
      {query.data && <DreamLinks dreams={query.data} />}
    </section>
  );
}
