import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "../api/client";
import type { Dream } from "../api/client";
import { thrown } from "../api/problem";
import { useFormats } from "../i18n/format";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import type { ButtonKind } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { useWriteSession } from "../write/session";

interface DeleteDreamProps {
  dream: Dream;
  kind?: ButtonKind;
  /** The dream is gone, and this button with it; ends when no page shows the dream any more. */
  onDeleted: () => void | Promise<void>;
}

/** Characters of a dream that tell it from others in a button's name. */
const NAMED_BY = 40;

/** Deletes a dream after asking. */
export function DeleteDream({ dream, kind = "danger", onDeleted }: DeleteDreamProps) {
  const { t } = useTranslation();
  const formats = useFormats();
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const session = useWriteSession();
  const remove = api.useMutation("delete", "/api/v1/dreams/{id}", {
    onSuccess: async () => {
      setAsking(false);
      if (session.progress.dream?.id === dream.id) session.stop();
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/dreams"] });
      await onDeleted();
      const own = { params: { path: { id: dream.id } } };
      queries.removeQueries({ queryKey: ["get", "/api/v1/dreams/{id}", own] });
      queries.removeQueries({ queryKey: ["get", "/api/v1/dreams/{id}/similar", own] });
      // It may have been like others.
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/dreams/{id}/similar"] });
    },
  });
  const start = dream.text.slice(0, NAMED_BY);
  return (
    <>
      <Button
        kind={kind}
        aria-label={t("dreams.remove.openNamed", { date: formats.date(dream.created_at), start })}
        onClick={() => setAsking(true)}
      >
        {t("dreams.remove.open")}
      </Button>
      <Dialog
        open={asking}
        title={t("dreams.remove.title")}
        onClose={() => setAsking(false)}
        actions={
          <>
            <Button onClick={() => setAsking(false)}>{t("dreams.remove.cancel")}</Button>
            <Button
              kind="danger"
              aria-disabled={remove.isPending}
              onClick={() => remove.mutate({ params: { path: { id: dream.id } } })}
            >
              {remove.isPending ? t("dreams.remove.working") : t("dreams.remove.confirm")}
            </Button>
          </>
        }
      >
        <p>{t("dreams.remove.text")}</p>
        <p lang={dream.language} dir="auto" className="line-clamp-3 border-s-2 border-line ps-4 font-dream text-muted">
          {dream.text}
        </p>
        {remove.error && <FailureNotice failure={thrown(remove.error, false)} />}
      </Dialog>
    </>
  );
}
