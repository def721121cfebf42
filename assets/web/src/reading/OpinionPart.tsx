import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { Dream, LensId, Opinion } from "../api/client";
import { useFormats } from "../i18n/format";
import { FailureNotice } from "../shell/FailureNotice";
import { Checkbox } from "../ui/Checkbox";
import { Choice } from "../ui/Choice";
import { useOpinion } from "./api";

const ratings = ["1", "2", "3", "4", "5"] as const;
type Rating = (typeof ratings)[number];

interface OpinionPartProps {
  dream: Dream;
  lens: LensId;
  opinion: Opinion | undefined;
}

/** What the reading is worth to the dreamer, and whether it is the one that fits. */
export function OpinionPart({ dream, lens, opinion: kept }: OpinionPartProps) {
  const { t } = useTranslation();
  const { number } = useFormats();
  const name = useId();
  const { opinion, say, failure } = useOpinion(dream.id, lens, kept);
  return (
    <div className="flex max-w-prose flex-col gap-2">
      <Choice<Rating | "">
        name={name}
        legend={t("dream.opinion.legend")}
        options={ratings.map((value) => ({ value, label: number(Number(value)), hint: t(`dream.opinion.rating.${value}`) }))}
        value={ratings.find((value) => Number(value) === opinion.rating) ?? ""}
        onChange={(value) => say({ rating: Number(value) })}
      />
      <Checkbox
        label={t("dream.opinion.fits")}
        hint={t("dream.opinion.fitsHint")}
        checked={opinion.chosen}
        onSwitch={(chosen) => say({ chosen })}
      />
      {failure && <FailureNotice failure={failure} />}
    </div>
  );
}
