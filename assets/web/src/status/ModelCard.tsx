import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Fact, Facts, Verbatim } from "../ui/Facts";
import { ModelActions } from "./ModelActions";
import { ModelPull } from "./ModelPull";
import { State } from "../ui/State";
import type { Model } from "./report";

/** Languages named before the rest is only counted. */
const LANGUAGES_NAMED = 3;

interface ModelCardProps {
  model: Model;
  sealed: boolean;
  /** Room on the disk, in bytes. */
  free: number;
}

/** One model: what it is for, what it takes, and what can be done with it. */
export function ModelCard({ model, sealed, free }: ModelCardProps) {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <>
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h4 className="font-semibold">
          <Verbatim>{model.title}</Verbatim>
        </h4>
        <State tone={model.in_use ? "good" : "calm"}>
          {model.in_use ? t("status.models.inUse") : model.present ? t("status.models.present") : t("status.models.absent")}
        </State>
      </div>
      <p>{t(`status.models.kind.${model.kind}`)}</p>
      <p className="flex flex-wrap gap-x-4 text-muted">
        <span>{model.bytes == null ? t("status.models.sizeUnknown") : formats.bytes(model.bytes)}</span>
        <Licence model={model} />
        {model.languages.length > 0 && (
          <span>
            <Languages codes={model.languages} named={LANGUAGES_NAMED} />
          </span>
        )}
      </p>
      <More model={model} />
      <ModelPull model={model} />
      <ModelActions model={model} sealed={sealed} free={free} />
    </>
  );
}

/** What matters to few. */
function More({ model }: { model: Model }) {
  const { t } = useTranslation();
  const formats = useFormats();
  if (!model.source && model.memory_bytes === 0 && model.languages.length <= LANGUAGES_NAMED) return null;
  return (
    <details>
      <summary className="inline-flex min-h-11 items-center text-accent underline underline-offset-4">
        {t("status.models.more")}
      </summary>
      <Facts>
        {model.memory_bytes > 0 && <Fact name={t("status.models.memory")}>{formats.bytes(model.memory_bytes)}</Fact>}
        {model.languages.length > 0 && (
          <Fact name={t("status.models.languages")}>
            <Languages codes={model.languages} named={model.languages.length} />
          </Fact>
        )}
        {model.source && (
          <Fact name={t("status.models.source")}>
            <Verbatim>{model.source}</Verbatim>
          </Fact>
        )}
      </Facts>
    </details>
  );
}

function Languages({ codes, named }: { codes: readonly string[]; named: number }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = codes.slice(0, named).map(formats.languageName);
  const more = codes.length - names.length;
  return formats.list(more > 0 ? [...names, t("status.models.moreLanguages", { count: more })] : names);
}

function Licence({ model }: { model: Model }) {
  const { t } = useTranslation();
  const { spdx, url } = model.licence;
  if (spdx === "NOASSERTION") return t("status.models.licenceUnknown");
  if (!/^https?:/.test(url)) return <Verbatim>{spdx}</Verbatim>;
  return (
    <a href={url} target="_blank" rel="noreferrer" aria-label={t("status.models.licenceLink", { licence: spdx })}>
      <Verbatim>{spdx}</Verbatim>
    </a>
  );
}
