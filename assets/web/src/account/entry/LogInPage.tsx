import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Page } from "../../ui/Page";
import { useLogIn } from "../api";
import { CodeForm } from "./CodeForm";
import { CredentialsForm } from "./CredentialsForm";
import { LeftoversNotice } from "./LeftoversNotice";
import { LogInFooter } from "./LogInFooter";
import { OtherWays } from "./OtherWays";
import { ProviderNotice } from "./ProviderNotice";

/** The doors of the box. Stands in place of the page that was asked for, which is there again afterwards. */
export function LogInPage() {
  const { t } = useTranslation();
  const logIn = useLogIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const codeNeeded = logIn.failure?.problem?.type === "/problems/second-factor-needed";
  const beginAgain = () => {
    setPassword("");
    logIn.reset();
    document.querySelector("h1")?.focus();
  };
  return (
    <Page title={t("account.logIn.title")} lead={t("account.logIn.lead")}>
      {codeNeeded ? (
        <CodeForm name={name.trim()} password={password} onAgain={beginAgain} />
      ) : (
        <>
          <ProviderNotice />
          <LeftoversNotice />
          <CredentialsForm name={name} onName={setName} password={password} onPassword={setPassword} logIn={logIn} />
        </>
      )}
      <OtherWays />
      {!codeNeeded && <LogInFooter />}
    </Page>
  );
}
