import { Link } from "@tanstack/react-router";
import { Trans, useTranslation } from "react-i18next";

import { useFormats } from "../../i18n/format";
import { ModelPull } from "../../status/ModelPull";
import { useModels } from "../../status/report";
import { Verbatim } from "../../ui/Facts";
import { Section } from "../../ui/Section";
import { State } from "../../ui/State";

/** The set of models that the box chose for itself, and the way to others. */
export function SetUpModels() {
  const { t } = useTranslation();
  const formats = useFormats();
  const { data } = useModels();
  if (!data) return null;
  const intro = (
    <Trans
      i18nKey="status.models.intro"
      values={{ profile: data.profile, free: formats.bytes(data.disk_free_bytes) }}
      components={{ name: <bdi dir="ltr" translate="no" /> }}
    />
  );
  return (
    <Section title={t("status.models.title")} intro={intro}>
      <ul className="flex flex-col gap-3">
        {data.models
          .filter((model) => model.in_profile)
          .map((model) => (
            <li key={model.id} className="flex flex-col gap-1">
              <span className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
                <Verbatim>{model.title}</Verbatim>
                <State tone={model.present ? "good" : "calm"}>
                  {model.present ? t("status.models.present") : t("status.models.absent")}
                </State>
                <span className="text-muted">{t(`status.models.kind.${model.kind}`)}</span>
              </span>
              <ModelPull model={model} />
            </li>
          ))}
      </ul>
      <p>
        <Link to="/status" className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
          {t("account.setUp.moreModels")}
        </Link>
      </p>
    </Section>
  );
}
