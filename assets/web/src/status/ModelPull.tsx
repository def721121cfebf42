import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { Progress } from "../ui/Progress";
import { ServerWords } from "../ui/Facts";
import type { Model } from "./report";

/** How far a model is on its way here, or why it did not come. */
export function ModelPull({ model }: { model: Model }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const { pull } = model;
  if (pull == null) return null;
  const share = pull.bytes_total ? pull.bytes_done / pull.bytes_total : undefined;
  const failed = pull.stage === "failed";
  return (
    <div className="flex flex-col gap-2">
      <p role="status" className={failed ? "font-medium text-danger" : "font-medium"}>
        {t(`status.models.stage.${pull.stage}`)}
      </p>
      {failed && <p>{t("status.models.failedAdvice")}</p>}
      {!failed && <Progress label={t("status.models.progressOf", { model: model.title })} value={share} />}
      {!failed && pull.bytes_total != null && (
        <p className="text-muted">
          {t("status.models.progress", { done: formats.bytes(pull.bytes_done), total: formats.bytes(pull.bytes_total) })}
        </p>
      )}
      {pull.detail && <ServerWords>{pull.detail}</ServerWords>}
    </div>
  );
}
