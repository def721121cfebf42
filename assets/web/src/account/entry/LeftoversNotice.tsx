import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Notice } from "../../ui/Notice";
import { findLeftovers } from "../session/leftovers";
import { lastPerson } from "../session/memory";

/** After a session ran out: what waits in this browser for its owner, and what becomes of it when another person comes. */
export function LeftoversNotice() {
  const { t } = useTranslation();
  const [waiting, setWaiting] = useState(false);
  useEffect(() => {
    if (lastPerson() === null) return;
    void findLeftovers().then(({ draft, recordings }) => setWaiting(draft || recordings));
  }, []);
  return waiting ? <Notice>{t("account.logIn.leftovers")}</Notice> : null;
}
