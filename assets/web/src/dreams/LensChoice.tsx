import { useTranslation } from "react-i18next";

import type { Interpretation, LensId } from "../api/client";
import { useLensWords } from "../lore/useLensWords";
import { Choice } from "../ui/Choice";

interface LensChoiceProps {
  readings: readonly Interpretation[];
  value: LensId;
  onChange: (lens: LensId) => void;
}

/** The lenses of this box, and those of earlier readings that it has no more. */
export function LensChoice({ readings, value, onChange }: LensChoiceProps) {
  const { t } = useTranslation();
  const { lenses, nameOf, aboutOf } = useLensWords();
  const read = (lens: LensId) => readings.some((reading) => reading.lens === lens);
  const ids = new Set([...lenses.map(({ id }) => id), ...readings.map(({ lens }) => lens), value]);
  const options = [...ids].map((lens) => {
    const said = read(lens) ? t("dreams.dream.hasReading") : t("dreams.dream.hasNone");
    return { value: lens, label: nameOf(lens), hint: [aboutOf(lens), said].filter(Boolean).join(" ") };
  });
  return <Choice name="lens" legend={t("dreams.dream.lens")} options={options} value={value} onChange={onChange} />;
}
