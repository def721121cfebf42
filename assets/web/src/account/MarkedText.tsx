import { Trans } from "react-i18next";

/** A sentence that names a file or a host: those run from left to right in every language, and are never translated. */
export function MarkedText({ of }: { of: "account.setUp.tokenHint" | "account.setUp.hostHint" }) {
  return <Trans i18nKey={of} components={{ file: <bdi dir="ltr" translate="no" className="font-medium" /> }} />;
}
