import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "../api/client";
import type { DreamWithReadings, LensId } from "../api/client";
import { CareCard } from "../care/CareCard";
import { useCareCard } from "../care/useCareCard";
import { Compare } from "../reading/Compare";
import { compareFirst, FEWEST, firstLens } from "../reading/comparing";
import { IDLE } from "../reading/progress";
import { ReadingState } from "../reading/ReadingState";
import { ReadingView } from "../reading/ReadingView";
import { useReadingRun } from "../reading/useReadingRun";
import { Choice } from "../ui/Choice";
import { DEFAULT_LENS } from "../write/settings";
import { LensChoice } from "./LensChoice";
import { NoReading } from "./NoReading";

type View = "one" | "several";

/** The readings of a dream, through one lens or several beside each other. */
export function Readings({ kept }: { kept: DreamWithReadings }) {
  const { t } = useTranslation();
  const { interpretations, opinions } = kept;
  const [view, setView] = useState<View>("one");
  const [lens, setLens] = useState<LensId>(firstLens(interpretations, opinions) ?? DEFAULT_LENS);
  const [picked, setPicked] = useState<LensId[] | null>(null);
  const comparable = interpretations.length >= FEWEST;
  return (
    <div className="flex flex-col gap-8">
      {comparable && (
        <Choice<View>
          name="view"
          legend={t("dreams.compare.legend")}
          options={[
            { value: "one", label: t("dreams.compare.one") },
            { value: "several", label: t("dreams.compare.several") },
          ]}
          value={view}
          onChange={setView}
        />
      )}
      {comparable && view === "several" ? (
        <Compare kept={kept} picked={picked ?? compareFirst(interpretations, opinions)} onPick={setPicked} />
      ) : (
        <OneReading kept={kept} lens={lens} onLens={setLens} />
      )}
    </div>
  );
}

interface OneReadingProps {
  kept: DreamWithReadings;
  lens: LensId;
  onLens: (lens: LensId) => void;
}

/** One lens at a time; a lens without a reading can be asked for it. */
function OneReading({ kept, lens, onLens }: OneReadingProps) {
  const { dream, interpretations, failure } = kept;
  const run = useReadingRun();
  const similar = api.useQuery("get", "/api/v1/dreams/{id}/similar", { params: { path: { id: dream.id } } }, { retry: false });
  const { phase } = run.progress;
  const [failed, setFailed] = useState<LensId | null>(null);
  useFreshDream(phase === "done" || phase === "failed");
  const care = useCareCard(run.progress.care, dream.id);

  const running = phase !== "idle";
  const reading = interpretations.find((one) => one.lens === lens) ?? null;
  // The box does not tell which lens it failed through.
  const ownFailure = lens === failed || interpretations.length === 0;
  const choose = (next: LensId) => {
    if (phase === "failed") setFailed(lens);
    run.stop();
    onLens(next);
  };
  const state = running ? (
    <ReadingState progress={run.progress} onRetry={run.retry} onStop={run.stop} />
  ) : (
    !reading && <NoReading failure={(ownFailure && failure) || null} onRead={() => run.start({ dream, lens })} />
  );
  return (
    <div className="flex flex-col gap-10">
      <LensChoice readings={interpretations} value={lens} onChange={choose} />
      <CareCard {...care} />
      <ReadingView
        dream={dream}
        text={running ? run.progress.text : (reading ?? IDLE.text)}
        reading={running ? run.progress.reading : reading}
        kept={kept}
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
