import { Trans, useTranslation } from "react-i18next";

import { useMay } from "../account/session/useMay";
import { useFormats } from "../i18n/format";
import { Notice } from "../ui/Notice";
import { ModelCard } from "./ModelCard";
import { Section } from "../ui/Section";
import { useModels } from "./report";
import type { Model } from "./report";

/** The models of the set in use, then what else can be fetched. */
export function ModelsSection() {
  const { t } = useTranslation();
  const formats = useFormats();
  const { data } = useModels();
  const may = useMay("models");
  if (!data) return null;
  const here = (model: Model) => model.in_profile || model.present || model.pull != null;
  const intro = (
    <Trans
      i18nKey="status.models.intro"
      values={{ profile: data.profile, free: formats.bytes(data.disk_free_bytes) }}
      components={{ name: <bdi dir="ltr" translate="no" /> }}
    />
  );
  return (
    <Section title={t("status.models.title")} intro={intro}>
      {data.sealed && <Notice>{t("status.models.sealed")}</Notice>}
      {!may && <p>{t("status.models.notYours")}</p>}
      <List title={t("status.models.here")} models={data.models.filter(here)} sealed={data.sealed} free={data.disk_free_bytes} />
      <List
        title={t("status.models.others")}
        models={data.models.filter((model) => !here(model))}
        sealed={data.sealed}
        free={data.disk_free_bytes}
      />
    </Section>
  );
}

interface ListProps {
  title: string;
  models: readonly Model[];
  sealed: boolean;
  free: number;
}

function List({ title, models, sealed, free }: ListProps) {
  if (models.length === 0) return null;
  return (
    <div className="flex flex-col gap-3">
      <h3 className="text-lg font-semibold">{title}</h3>
      <ul className="grid grid-cols-1 gap-6 lg:grid-cols-2">
        {models.map((model) => (
          <li key={model.id} className="flex min-w-0 flex-col gap-3 border-t border-line pt-4">
            <ModelCard model={model} sealed={sealed} free={free} />
          </li>
        ))}
      </ul>
    </div>
  );
}
