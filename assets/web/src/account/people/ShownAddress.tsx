import { useTranslation } from "react-i18next";

import { Notice } from "../../ui/Notice";
import { ShownOnce } from "../../ui/ShownOnce";
import { addressWith, isLoopback } from "./address";

interface ShownAddressProps {
  label: string;
  page: string;
  code: string;
  hint: string;
}

/** An address to hand on, shown this once. */
export function ShownAddress({ label, page, code, hint }: ShownAddressProps) {
  const { t } = useTranslation();
  return (
    <>
      <ShownOnce label={label} value={addressWith(location.origin, page, code)} hint={hint} />
      {isLoopback(location.hostname) && <Notice tone="warning">{t("people.loopback")}</Notice>}
    </>
  );
}
