import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "../api/client";
import type { Lens, Schemas } from "../api/client";
import { IDLE } from "../reading/progress";
import { ReadingState } from "../reading/ReadingState";
import { ReadingView } from "../reading/ReadingView";
import { useReadingRun } from "../reading/useReadingRun";
import { Choice } from "../ui/Choice";
import { lenses } from "../write/settings";
import { NoReading } from "./NoReading";

type Kept = Schemas["DreamWithReadings"];

/** The readings of a dream, one lens at a time; a lens without one can be asked for it. */
export function Readings({ kept }: { kept: Kept }) {
  const { t } = useTranslation();
  const { dream, interpretations, failure } = kept;
  const [lens, setLens] = useState<Lens>(interpretations[0]?.lens ?? "psychological");
  const run = useReadingRun();
  const similar = api.useQuery("get", "/api/v1/dreams/{id}/similar", { params: { path: { id: dream.id } } }, { retry: false });
  const { phase } = run.progress;
  useFreshDream(phase === "done" || phase === "failed");

  const running = phase !== "idle";
  const reading = interpretations.find((one) => one.lens === lens) ?? null;
  const choose = (next: Lens) => {
    run.stop();
    setLens(next);
  };
  const state = running ? (
    <ReadingState progress={run.progress} onRetry={run.retry} onStop={run.stop} />
  ) : (
    !reading && <NoReading failure={failure ?? null} onRead={() => run.start({ dream, lens })} />
  );
  return (
    <div className="flex flex-col gap-10">
      <Choice
        name="lens"
        legend={t("dreams.dream.lens")}
        options={lenses.map((value) => ({
          value,
          label: t(`dream.lens.${value}.name`),
          hint: interpretations.some((one) => one.lens === value) ? t("dreams.dream.hasReading") : t("dreams.dream.hasNone"),
        }))}
        value={lens}
        onChange={choose}
      />
      <ReadingView
        dream={dream}
        text={running ? run.progress.text : (reading ?? IDLE.text)}
        reading={running ? run.progress.reading : reading}
        similar={similar.data ?? null}
        state={state}
        busy={phase === "sending" || phase === "waiting" || phase === "writing"}
      />
    </div>
  );
}

/** Asks for the dream again once something about it has changed. */
function useFreshDream(changed: boolean): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (changed) void queries.invalidateQueries({ queryKey: ["get", "/api/v1/dreams/{id}"] });
  }, [changed, queries]);
}
