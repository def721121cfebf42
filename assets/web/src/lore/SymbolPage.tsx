import { Link, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { QueryState } from "../account/QueryState";
import type { Schemas } from "../api/client";
import { isProblem } from "../api/problem";
import { Notice } from "../ui/Notice";
import { Page } from "../ui/Page";
import { SymbolDreams } from "./SymbolDreams";
import { Themes } from "./Themes";
import { useSymbol } from "./api";

/** One image of the dictionary: what each lens says of it, and the dreams that hold it. */
export function SymbolPage() {
  const { id } = useParams({ from: "/symbols/$id" });
  // Another symbol is another page: its heading gets the focus.
  return <KnownSymbol key={id} id={id} />;
}

function KnownSymbol({ id }: { id: string }) {
  const { t, i18n } = useTranslation();
  const query = useSymbol(id, i18n.language);
  const { data, error } = query;
  const gone = isProblem(error) && (error.status === 404 || error.status === 422);
  const title = gone ? t("lore.symbol.missingTitle") : (data?.name ?? t("lore.symbol.loading"));
  return (
    <Page title={title} lead={lead()}>
      {!gone && <QueryState query={query} />}
      {data && !gone && <Entry symbol={data} />}
      <footer className="border-t border-line pt-6">
        <Link to="/symbols" className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
          {t("lore.symbol.all")}
        </Link>
      </footer>
    </Page>
  );

  function lead() {
    if (gone) return t("lore.symbol.missingText");
    return data && t(`lore.kind.${data.kind}`);
  }
}

function Entry({ symbol }: { symbol: Schemas["SymbolPage"] }) {
  const { t, i18n } = useTranslation();
  return (
    <>
      {symbol.language !== i18n.language && <Notice>{t("lore.symbol.otherLanguage")}</Notice>}
      <Notice title={t("lore.symbol.saidTitle")}>
        <p>{t("lore.symbol.said")}</p>
        {!symbol.builtin && <p>{t("lore.symbol.fromPack")}</p>}
      </Notice>
      <Themes themes={symbol.themes} language={symbol.language} />
      <SymbolDreams id={symbol.id} />
    </>
  );
}
