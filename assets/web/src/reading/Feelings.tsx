import { useTranslation } from "react-i18next";

import type { Mood } from "../api/client";

interface FeelingsProps {
  mood: Mood | null;
  emotions: readonly { name: string; intensity: number }[];
  archetypes: readonly string[];
  language: string;
}

const strength = (intensity: number) => (intensity < 0.4 ? "faint" : intensity < 0.7 ? "clear" : "strong");

/** Mood, feelings with their strength in words, and figures where the lens has them. */
export function Feelings({ mood, emotions, archetypes, language }: FeelingsProps) {
  const { t } = useTranslation();
  const felt = emotions.filter((emotion) => emotion.name && emotion.intensity > 0);
  const figures = archetypes.filter(Boolean);
  if (!mood && felt.length === 0 && figures.length === 0) return null;
  return (
    <dl className="arriving grid max-w-prose grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1 border-y border-line py-4">
      {mood && (
        <>
          <dt className="text-muted">{t("dream.reading.mood")}</dt>
          <dd>{t(`dream.mood.${mood}`)}</dd>
        </>
      )}
      {felt.length > 0 && (
        <>
          <dt className="text-muted">{t("dream.reading.feelings")}</dt>
          <dd className="flex flex-wrap gap-x-4">
            {felt.map(({ name, intensity }, index) => (
              <span key={index}>
                <bdi lang={language}>{name}</bdi>{" "}
                <span className="text-muted">({t(`dream.strength.${strength(intensity)}`)})</span>
              </span>
            ))}
          </dd>
        </>
      )}
      {figures.length > 0 && (
        <>
          <dt className="text-muted">{t("dream.reading.figures")}</dt>
          <dd className="flex flex-wrap gap-x-4">
            {figures.map((figure) => (
              <bdi key={figure} lang={language}>
                {figure}
              </bdi>
            ))}
          </dd>
        </>
      )}
    </dl>
  );
}
