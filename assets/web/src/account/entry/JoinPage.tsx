import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { buttonClass } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { useRegister, useSession } from "../api";
import { welcome } from "../session/person";
import { useCode } from "../useCode";
import { JoinForm } from "./JoinForm";

/** Registration: with an invitation, or without one where the box is open to all who reach it. */
export function JoinPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const code = useCode();
  const register = useRegister();
  const { data: session } = useSession();
  if (session?.account && !register.done) {
    return <Led title={t("account.join.signedInTitle")} lead={t("account.join.signedInText", { name: session.account.name })} />;
  }
  if (!code && session && session.registration !== "open") {
    return <Led title={t("account.join.closedTitle")} lead={t("account.join.closedText")} />;
  }
  return (
    <Page title={t("account.join.title")} lead={code ? t("account.join.leadInvited") : t("account.join.lead")}>
      <JoinForm invitation={code} register={register} onDone={(state) => void welcome(state).then(() => navigate({ to: "/" }))} />
      <p className="border-t border-line pt-6 text-muted">{t("account.join.promise")}</p>
    </Page>
  );
}

/** A page that has nothing to fill in. */
function Led({ title, lead }: { title: string; lead: string }) {
  const { t } = useTranslation();
  return (
    <Page title={title} lead={lead}>
      <p>
        <Link to="/" className={buttonClass("primary")}>
          {t("account.form.toFirstPage")}
        </Link>
      </p>
    </Page>
  );
}
