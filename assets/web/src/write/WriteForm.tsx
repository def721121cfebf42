import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLimits } from "../api/system";
import { CareCard } from "../care/CareCard";
import { useCareCard } from "../care/useCareCard";
import { ReadingState } from "../reading/ReadingState";
import type { ReadingRun } from "../reading/useReadingRun";
import { RecorderBar } from "../recorder/RecorderBar";
import { Recordings } from "../recorder/Recordings";
import { useKeptRecordings } from "../recorder/useKeptRecordings";
import { Button } from "../ui/Button";
import { Page } from "../ui/Page";
import { countCharacters } from "./characters";
import { DreamText } from "./DreamText";
import { LanguageField } from "./LanguageField";
import { LensField } from "./LensField";
import { useDraft, useDreamLanguage, useLens } from "./settings";

/** Tells a dream: in writing, by voice, or both. */
export function WriteForm({ session }: { session: ReadingRun }) {
  const { t } = useTranslation();
  const limits = useLimits();
  const field = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useDraft();
  // What is typed now, also for what ends later than it began: a recording that has become text.
  const latest = useRef(draft);
  const [lens, setLens] = useLens();
  const [language, setLanguage] = useDreamLanguage();
  const [error, setError] = useState<string | null>(null);
  const { kept, reload, remove } = useKeptRecordings();
  const [recorded, setRecorded] = useState<{ fresh: string | null; said: string }>({ fresh: null, said: "" });
  const { phase } = session.progress;
  // A full box may say them although it takes nothing.
  const care = useCareCard(session.progress.care, null);
  const busy = phase === "sending" || phase === "waiting";

  const refuse = (reason: string) => {
    setError(reason);
    field.current?.focus();
  };
  const submit = () => {
    if (busy) return;
    const count = countCharacters(draft);
    const missing = limits.dream_min_characters - count;
    const surplus = count - limits.dream_max_characters;
    if (missing > 0) refuse(t("dream.write.tooShort", { count: missing }));
    else if (surplus > 0) refuse(t("dream.write.tooLong", { count: surplus }));
    else {
      setError(null);
      session.start({ text: draft.trim(), lens: lens || null, language: language || null });
    }
  };
  const change = (text: string) => {
    latest.current = text;
    setDraft(text);
    setError(null);
  };
  const keep = (id: string, full: boolean) => {
    setRecorded({ fresh: id, said: full ? t("dream.record.full") : t("dream.record.stopped") });
    reload();
  };
  const addSpoken = (id: string, spoken: string) => {
    change([latest.current.trimEnd(), spoken].filter(Boolean).join("\n"));
    remove(id);
    setRecorded({ fresh: null, said: t("dream.record.written") });
    field.current?.focus();
  };

  return (
    <Page title={t("dream.write.title")} lead={t("dream.write.lead")}>
      <div className="flex flex-col gap-6">
        <div className="flex flex-col gap-3">
          <DreamText
            ref={field}
            value={draft}
            language={language}
            onChange={change}
            onSubmit={submit}
            error={error}
            disabled={busy}
            foot={
              <RecorderBar
                said={recorded.said}
                onBegin={() => setRecorded({ fresh: null, said: "" })}
                onKept={keep}
                onBroken={reload}
              />
            }
          />
          <Recordings kept={kept} fresh={recorded.fresh} language={language} onHeard={addSpoken} onDiscard={remove} />
        </div>
        <LensField value={lens} onChange={setLens} />
        <LanguageField value={language} onChange={setLanguage} />
        <CareCard {...care} />
        <ReadingState progress={session.progress} onRetry={submit} onStop={session.stop} />
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <Button kind="primary" className="w-full px-8 text-lg sm:w-auto" onClick={submit} aria-disabled={busy}>
            {t("dream.write.submit")}
          </Button>
          <p className="hidden text-sm text-muted sm:block">{t("dream.write.keys")}</p>
        </div>
      </div>
    </Page>
  );
}
