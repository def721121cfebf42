import { useTranslation } from "react-i18next";

import type { SecondFactor } from "../../api/client";
import { countFactors } from "./factors";

/** Before a second factor goes: what it means that it is the only one. */
export function LastFactor({ factor }: { factor: SecondFactor }) {
  const { t } = useTranslation();
  if (countFactors(factor) > 1) return null;
  return <p className="font-medium">{factor.required ? t("factors.lastRequired") : t("factors.last")}</p>;
}
