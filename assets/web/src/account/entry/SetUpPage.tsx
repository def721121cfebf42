import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { buttonClass } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { useSetUp, useSession } from "../api";
import { SetUpForm } from "./SetUpForm";
import { SetUpModels } from "./SetUpModels";
import { welcome } from "../session/person";

/** The first account of a box: whoever can read its files makes it. */
export function SetUpPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { data: session } = useSession();
  const setUp = useSetUp();
  if (session?.stage === "claimed" && !setUp.done) {
    return (
      <Page title={t("account.setUp.doneTitle")} lead={t("account.setUp.doneText")}>
        <p>
          <Link to="/" className={buttonClass("primary")}>
            {t("account.form.toFirstPage")}
          </Link>
        </p>
      </Page>
    );
  }
  return (
    <Page title={t("account.setUp.title")} lead={t("account.setUp.lead")}>
      <SetUpForm setUp={setUp} onDone={(state) => void welcome(state).then(() => navigate({ to: "/" }))} />
      {session?.stage === "unclaimed" && <SetUpModels />}
    </Page>
  );
}
