import { Trans } from "react-i18next";

import type { guides } from "./guides";

/** A sentence with names of files, programs and certificates, and with what is to be typed: none of it is translated. */
export function Marked({ of }: { of: "trust.file" | (typeof guides)[number]["steps"][number] }) {
  return (
    <Trans
      i18nKey={of}
      components={{
        file: <bdi dir="ltr" translate="no" className="font-medium" />,
        name: <bdi dir="ltr" translate="no" />,
        code: <code dir="ltr" className="rounded bg-sunken px-1 font-mono text-sm break-words" />,
      }}
    />
  );
}
