import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { ReadingPage } from "./ReadingPage";
import { useWriteSession } from "./session";
import { storage } from "../storage";
import { WriteForm } from "./WriteForm";

/** The first page: a dream is told, then its reading appears in the same place. */
export function WritePage() {
  const session = useWriteSession();
  const { i18n } = useTranslation();
  const { dream } = session.progress;
  const shown = useRef(dream?.id);

  useEffect(() => {
    // The box has the dream now: the draft has done its work.
    if (dream && dream.id !== shown.current) storage.remove("draft");
    shown.current = dream?.id;
  }, [dream]);

  return dream ? <ReadingPage session={session} dream={dream} /> : <WriteForm key={i18n.language} session={session} />;
}
