import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { QueryState } from "../account/QueryState";
import { useSettled } from "../account/useSettled";
import type { Schemas } from "../api/client";
import { directionOf } from "../i18n/locale";
import { Choice } from "../ui/Choice";
import { Page } from "../ui/Page";
import { TextField } from "../ui/TextField";
import { useSymbols } from "./api";

type SymbolView = Schemas["SymbolView"];

const kinds = ["nature", "animals", "people", "places", "objects", "events", "other"] as const satisfies SymbolView["kind"][];
type Filter = SymbolView["kind"] | "all";

/** The dictionary of images, to look around in. */
export function SymbolsPage() {
  const { t, i18n } = useTranslation();
  const [search, setSearch] = useState("");
  const [kind, setKind] = useState<Filter>("all");
  const settled = useSettled(search);
  const query = useSymbols({ language: i18n.language, search: settled, kind: kind === "all" ? null : kind });
  const symbols = query.data ?? [];
  return (
    <Page title={t("lore.symbols.title")} lead={t("lore.symbols.lead")} wide>
      <search className="flex flex-col gap-4">
        <div className="max-w-md">
          <TextField
            label={t("lore.symbols.search")}
            hint={t("lore.symbols.searchHint")}
            value={search}
            onText={setSearch}
            type="search"
            autoComplete="off"
            autoCapitalize="none"
            dir="auto"
          />
        </div>
        <Choice
          name="symbol-kind"
          legend={t("lore.symbols.kind")}
          options={(["all", ...kinds] as const).map((value) => ({ value, label: t(`lore.kind.${value}`) }))}
          value={kind}
          onChange={setKind}
        />
      </search>
      <QueryState query={query} />
      <p role="status" className={symbols.length > 0 ? "sr-only" : ""}>
        {query.data && (symbols.length > 0 ? t("lore.symbols.shown", { count: symbols.length }) : t("lore.symbols.none"))}
      </p>
      <ul className="grid grid-cols-2 gap-x-6 sm:grid-cols-3 lg:grid-cols-4">
        {symbols.map((symbol) => (
          <SymbolItem key={symbol.id} symbol={symbol} />
        ))}
      </ul>
    </Page>
  );
}

function SymbolItem({ symbol: { id, name, language } }: { symbol: SymbolView }) {
  return (
    <li className="border-b border-line">
      <Link
        to="/symbols/$id"
        params={{ id }}
        className="flex min-h-11 items-center py-1 font-dream text-lg break-words hover:text-accent hover:underline"
      >
        <span lang={language} dir={directionOf(language)} className="min-w-0">
          {name}
        </span>
      </Link>
    </li>
  );
}
