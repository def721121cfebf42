import { Link } from "@tanstack/react-router";
import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { CareMessage } from "../api/client";
import { Button, buttonClass } from "../ui/Button";
import { Card } from "../ui/Card";
import { CareWords } from "./CareWords";

interface CareCardProps {
  /** `null`: there is nothing to say. */
  message: CareMessage | null;
  onDismiss: () => void;
}

/**
 * Words of help beside a reading: calm, in nobody's way, gone when they are not wanted. A screen reader says them when they
 * come, as the room for them is there before.
 */
export function CareCard({ message, onDismiss }: CareCardProps) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div aria-live="polite" className="contents">
      {message && (
        <Card aria-labelledby={id} className="flex flex-col gap-4">
          <h2 id={id} lang={message.language} dir="auto" className="text-xl font-semibold">
            {message.title}
          </h2>
          <CareWords message={message} level={3} />
          <p className="text-sm text-muted">{t("care.nothingKept")}</p>
          <div className="flex flex-wrap gap-3">
            <Button onClick={onDismiss}>{t("care.dismiss")}</Button>
            <Link to="/help" className={buttonClass("plain")}>
              {t("care.more")}
            </Link>
          </div>
        </Card>
      )}
    </div>
  );
}
