import { useTranslation } from "react-i18next";

import { AdminsOnly } from "../account/AdminsOnly";
import { QueryState } from "../account/QueryState";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { ImportPack } from "./ImportPack";
import { PackRow } from "./PackRow";
import { PACKS_HEADING } from "./heading";
import { usePacks } from "./api";

/** Packs of lenses and symbols, for whoever runs the box. */
export function PacksPage() {
  const { t } = useTranslation();
  return (
    <Page title={t("lore.packs.title")} lead={t("lore.packs.lead")} wide>
      <AdminsOnly>
        <ImportPack />
        <KeptPacks />
      </AdminsOnly>
    </Page>
  );
}

function KeptPacks() {
  const { t } = useTranslation();
  const query = usePacks();
  return (
    <Section id={PACKS_HEADING} title={t("lore.packs.kept")}>
      <QueryState query={query} />
      {query.data?.length === 0 && <p>{t("lore.packs.none")}</p>}
      <ul className="flex flex-col divide-y divide-line">
        {query.data?.map((pack) => (
          <PackRow key={pack.name} pack={pack} />
        ))}
      </ul>
    </Section>
  );
}
