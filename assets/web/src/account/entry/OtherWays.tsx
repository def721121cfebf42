import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { FormFailure } from "../FormFailure";
import { useSession } from "../api";
import { usePasskeyLogIn, useProviderLogIn } from "../factors/api";
import { passkeysWork } from "../factors/webauthn";
import { welcome } from "../session/person";

/** Log-ins without a password of this box, as far as this browser and this box have them. */
export function OtherWays() {
  const { t } = useTranslation();
  const provider = useSession().data?.provider;
  const passkey = usePasskeyLogIn();
  const elsewhere = useProviderLogIn();
  const passkeys = passkeysWork();
  if (!passkeys && !provider) return null;
  return (
    <div className="flex flex-col items-stretch gap-3 border-t border-line pt-6 sm:items-start">
      {passkeys && (
        <Button aria-disabled={passkey.pending} onClick={() => passkey.send(undefined, (session) => void welcome(session))}>
          {passkey.pending ? t("account.logIn.passkeyWorking") : t("account.logIn.passkey")}
        </Button>
      )}
      <FormFailure failure={passkey.failure} words={{ "/problems/not-shown": t("account.logIn.passkeyUnknown") }} />
      {provider && (
        <Button
          aria-disabled={elsewhere.pending}
          onClick={() => elsewhere.send(undefined, ({ address }) => location.assign(address))}
        >
          {t("account.logIn.provider", { provider })}
        </Button>
      )}
      <FormFailure failure={elsewhere.failure} />
    </div>
  );
}
