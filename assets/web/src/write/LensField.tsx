import { useTranslation } from "react-i18next";

import { useLensWords } from "../lore/useLensWords";
import { Choice } from "../ui/Choice";
import { USUAL } from "./settings";

interface LensFieldProps {
  value: string;
  onChange: (lens: string) => void;
}

/** Through which eyes the dream is to be read; nothing until the box has told which there are. */
export function LensField({ value, onChange }: LensFieldProps) {
  const { t } = useTranslation();
  const { known, lenses, nameOf, aboutOf } = useLensWords();
  if (!known) return null;
  const usual = { value: USUAL, label: t("dream.lens.usual"), hint: t("dream.lens.usualHint") };
  const options = lenses.map(({ id }) => ({ value: id, label: nameOf(id), hint: aboutOf(id) }));
  return (
    <Choice
      name="lens"
      legend={t("dream.write.lens")}
      options={[usual, ...options]}
      value={lenses.some(({ id }) => id === value) ? value : USUAL}
      onChange={onChange}
    />
  );
}
