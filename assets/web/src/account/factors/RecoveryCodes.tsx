import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { ShownOnce } from "../../ui/ShownOnce";
import { useSession } from "../api";
import { saveFile } from "../own/saveFile";

interface RecoveryCodesProps {
  codes: readonly string[];
  onKept: () => void;
}

/** Recovery codes, this once: to copy, to save, to print. */
export function RecoveryCodes({ codes, onKept }: RecoveryCodesProps) {
  const { t } = useTranslation();
  const name = useSession().data?.account?.name ?? "";
  const text = codes.join("\n");
  const title = t("factors.recovery.fileTitle", { name });
  const save = () => saveFile(new Blob([`${title}\n\n${text}\n`], { type: "text/plain" }), "oneiros-recovery-codes.txt");
  return (
    <>
      <div data-printed className="flex flex-col gap-2">
        <p className="hidden font-semibold print:block">{title}</p>
        <ShownOnce
          label={t("factors.recovery.shownLabel")}
          value={text}
          rows={codes.length}
          hint={t("factors.recovery.shownHint")}
          actions={
            <>
              <Button onClick={save}>{t("factors.recovery.save")}</Button>
              <Button onClick={() => print()}>{t("factors.recovery.print")}</Button>
            </>
          }
        />
      </div>
      <p className="flex justify-end">
        <Button kind="primary" onClick={onKept}>
          {t("factors.recovery.kept")}
        </Button>
      </p>
    </>
  );
}
