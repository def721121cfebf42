import { useTranslation } from "react-i18next";

import { Section } from "../../ui/Section";
import { QueryState } from "../QueryState";
import { useFocusAfter } from "../useFocusAfter";
import { AuthenticatorPart } from "./AuthenticatorPart";
import { PasskeysPart } from "./PasskeysPart";
import { RecoveryPart } from "./RecoveryPart";
import { useSecondFactor } from "./api";
import { countFactors } from "./factors";

const HEADING = "account-second-factor";

/** What the person shows beside the password, or in its place. */
export function SecondFactorSection() {
  const { t } = useTranslation();
  const factor = useSecondFactor();
  const goOn = useFocusAfter(HEADING);
  return (
    <Section id={HEADING} title={t("factors.title")} intro={t("factors.intro")}>
      <QueryState query={factor} />
      {factor.data && (
        <>
          <AuthenticatorPart factor={factor.data} onChanged={goOn} />
          <PasskeysPart factor={factor.data} onChanged={goOn} />
          {countFactors(factor.data) > 0 && <RecoveryPart left={factor.data.recovery_codes_left} onChanged={goOn} />}
        </>
      )}
    </Section>
  );
}
