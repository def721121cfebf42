import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { DreamWithReadings, Interpretation, LensId } from "../api/client";
import { useLensWords } from "../lore/useLensWords";
import { Checkbox } from "../ui/Checkbox";
import { FEWEST, toggled } from "./comparing";
import { DreamWords } from "./DreamWords";
import { ReadingBody } from "./ReadingBody";

interface CompareProps {
  kept: DreamWithReadings;
  picked: readonly LensId[];
  onPick: (lenses: LensId[]) => void;
}

const NOTHING_MARKED: ReadonlySet<number | null> = new Set();

/** Several readings of one dream: columns where there is room, else one below the other. The dream's own words stand above. */
export function Compare({ kept, picked, onPick }: CompareProps) {
  const { t } = useTranslation();
  const { nameOf } = useLensWords();
  const id = useId();
  const { dream, interpretations } = kept;
  const shown = picked.flatMap((lens) => interpretations.find((one) => one.lens === lens) ?? []);
  const segments = [{ text: dream.text, symbol: null }];
  return (
    <>
      {interpretations.length > FEWEST && (
        <fieldset className="flex min-w-0 flex-col">
          <legend className="mb-1 font-medium">{t("dreams.compare.which")}</legend>
          <div className="flex flex-wrap gap-x-6">
            {interpretations.map(({ lens }) => (
              <Checkbox
                key={lens}
                label={nameOf(lens)}
                checked={picked.includes(lens)}
                disabled={picked.includes(lens) && picked.length <= FEWEST}
                onSwitch={() => onPick(toggled(picked, lens))}
              />
            ))}
          </div>
        </fieldset>
      )}
      <DreamWords dream={dream} segments={segments} tie={{ id, active: null, onActive: () => undefined }} />
      <div className={`grid gap-10 sm:grid-cols-2 ${shown.length > 2 ? "lg:grid-cols-3" : ""}`}>
        {shown.map((reading) => (
          <Column key={reading.lens} reading={reading} kept={kept} name={nameOf(reading.lens)} />
        ))}
      </div>
    </>
  );
}

function Column({ reading, kept, name }: { reading: Interpretation; kept: DreamWithReadings; name: string }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <section aria-labelledby={id} className="flex min-w-0 flex-col gap-8 border-t-2 border-accent pt-4">
      <h2 id={id} className="-mb-5 text-sm font-medium text-muted">
        {t("dreams.compare.column", { lens: name })}
      </h2>
      <ReadingBody text={reading} language={reading.language} reading={reading} kept={kept} marked={NOTHING_MARKED} tie={null} />
    </section>
  );
}
