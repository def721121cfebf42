import { useTranslation } from "react-i18next";

import type { DialogTurn } from "../api/client";
import { Verbatim } from "../ui/Facts";

/** What the dreamer asked, in their own words. */
export function Question({ children }: { children: string }) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col gap-1">
      <p className="text-sm font-medium text-muted">{t("dream.dialog.yours")}</p>
      <p dir="auto" className="border-s-2 border-accent ps-3 font-dream break-words">
        {children}
      </p>
    </div>
  );
}

/** What a model answered, marked as that. */
export function Answer({ turn: { answer, language, model } }: { turn: DialogTurn }) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col gap-1">
      <p className="text-sm font-medium text-muted">
        {t("dream.dialog.models")} <Verbatim>{model}</Verbatim>
      </p>
      <p lang={language} dir="auto" className="break-words whitespace-pre-line">
        {answer}
      </p>
    </div>
  );
}
