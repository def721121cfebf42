import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Section } from "../../ui/Section";
import { FormFailure } from "../FormFailure";
import { useExport } from "../api";
import { EraseDialog } from "./EraseDialog";
import { saveFile } from "./saveFile";

/** Everything of the person's: to take along, or to have gone. */
export function DataSection() {
  const { t } = useTranslation();
  const { send, pending, done, failure } = useExport();
  const [erasing, setErasing] = useState(false);
  const take = () => send(undefined, (file) => saveFile(file, `oneiros-${new Date().toISOString().slice(0, 10)}.json`));
  return (
    <Section title={t("account.data.title")}>
      <div className="flex flex-col items-start gap-3">
        <p className="max-w-prose">{t("account.data.exportText")}</p>
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <Button aria-disabled={pending} onClick={take}>
            {pending ? t("account.data.exporting") : t("account.data.export")}
          </Button>
          <p role="status">{done && t("account.data.exported")}</p>
        </div>
        <FormFailure failure={failure} />
      </div>
      <div className="flex flex-col items-start gap-3 border-t border-line pt-5">
        <p className="max-w-prose">{t("account.data.eraseText")}</p>
        <Button kind="danger" onClick={() => setErasing(true)}>
          {t("account.data.erase")}
        </Button>
      </div>
      <EraseDialog open={erasing} onClose={() => setErasing(false)} />
    </Section>
  );
}
