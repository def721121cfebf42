import { Fragment } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Section } from "../ui/Section";

const COMMAND = "openssl x509 -noout -fingerprint -sha256 -in tls/authority.pem";

/** How to find out whether the certificate came from the box and from nobody between. */
export function Fingerprint({ of }: { of: string }) {
  const { t } = useTranslation();
  return (
    <Section title={t("trust.checkTitle")}>
      <p className="max-w-prose">{t("trust.check")}</p>
      <Typed>{COMMAND}</Typed>
      <p className="max-w-prose">{t("trust.checkSame")}</p>
      <Typed>
        {/* Lines end between two bytes. */}
        {of.split(":").map((byte, index) => (
          <Fragment key={index}>
            {index > 0 && (
              <>
                :<wbr />
              </>
            )}
            {byte}
          </Fragment>
        ))}
      </Typed>
    </Section>
  );
}

function Typed({ children }: { children: ReactNode }) {
  return (
    <code dir="ltr" className="block rounded-xl bg-sunken px-4 py-2 text-start font-mono text-sm break-words">
      {children}
    </code>
  );
}
