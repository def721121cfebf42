import { useTranslation } from "react-i18next";

import type { Step } from "../api/client";
import { useFormats } from "../i18n/format";
import { useLensWords } from "../lore/useLensWords";
import { Fact, Facts, Verbatim } from "../ui/Facts";
import { groupSteps, knownFact, knownOutcome, knownStep, knownValue, valueKind } from "./steps";

/** How a reading was made, step by step, in its order. */
export function StepList({ steps }: { steps: readonly Step[] }) {
  const { t } = useTranslation();
  return (
    <ol className="flex flex-col gap-4">
      {groupSteps(steps).map(({ phase, steps: part }, place) => (
        <li key={place} className="flex flex-col gap-2">
          <p className="font-medium text-muted">{t(`dream.made.phase.${phase}`)}</p>
          <ol className="flex flex-col gap-3 border-s-2 border-line ps-4">
            {part.map((step, index) => (
              <OneStep key={index} step={step} />
            ))}
          </ol>
        </li>
      ))}
    </ol>
  );
}

function OneStep({ step }: { step: Step }) {
  const { t } = useTranslation();
  const { number } = useFormats();
  const [name, outcome] = [knownStep(step.name), knownOutcome(step.outcome)];
  return (
    <li className="flex flex-col gap-1">
      <p className="flex flex-wrap items-baseline gap-x-3">
        <span className="font-semibold">{name ? t(`dream.made.step.${name}`) : <Verbatim>{step.name}</Verbatim>}</span>
        <span>{outcome ? t(`dream.made.outcome.${outcome}`) : <Verbatim>{step.outcome}</Verbatim>}</span>
        <span className="text-muted">{t("dream.made.milliseconds", { time: number(step.milliseconds) })}</span>
      </p>
      {step.facts.length > 0 && (
        <Facts>
          {step.facts.map((fact) => (
            <StepFact key={fact.name} {...fact} />
          ))}
        </Facts>
      )}
    </li>
  );
}

function StepFact({ name, value }: { name: string; value: string }) {
  const { t } = useTranslation();
  const known = knownFact(name);
  return (
    <Fact name={known ? t(`dream.made.fact.${known}`) : <Verbatim>{name}</Verbatim>}>
      {value ? <FactValue name={name} value={value} /> : t("dream.made.none")}
    </Fact>
  );
}

function FactValue({ name, value }: { name: string; value: string }) {
  const { t } = useTranslation();
  const { languageName } = useFormats();
  const { nameOf } = useLensWords();
  const kind = valueKind(name);
  if (kind === "language") return languageName(value);
  if (kind === "lens") return nameOf(value);
  const word = knownValue(value);
  return word ? t(`dream.made.value.${word}`) : <Verbatim>{value}</Verbatim>;
}
