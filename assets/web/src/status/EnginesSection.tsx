import { useTranslation } from "react-i18next";

import { useFormats } from "../i18n/format";
import { ConfinementNote } from "./ConfinementNote";
import { Fact, Facts, ServerWords, Verbatim } from "../ui/Facts";
import { Section } from "../ui/Section";
import { State } from "../ui/State";
import type { Tone } from "../ui/State";
import type { Engine } from "./report";

const tones: Record<Engine["state"], Tone> = {
  ready: "good",
  starting: "waiting",
  resting: "calm",
  restarting: "waiting",
  failed: "bad",
};

const trouble = ({ state, detail }: Engine) => (state === "ready" || state === "resting" ? null : detail);

/** The processes that hold the models. */
export function EnginesSection({ engines }: { engines: readonly Engine[] }) {
  const { t } = useTranslation();
  return (
    <Section title={t("status.engines.title")} intro={t("status.engines.intro")}>
      {engines.length === 0 && <p>{t("status.engines.none")}</p>}
      <ul className="grid grid-cols-1 gap-6 lg:grid-cols-2">
        {engines.map((engine) => (
          <li key={`${engine.kind} ${engine.model}`} className="flex min-w-0 flex-col gap-3 border-t border-line pt-4">
            <EngineCard engine={engine} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function EngineCard({ engine }: { engine: Engine }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const words = trouble(engine);
  return (
    <>
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h3 className="font-semibold">{t(`status.engines.kinds.${engine.kind}`)}</h3>
        <State tone={tones[engine.state]}>{t(`status.engines.states.${engine.state}`)}</State>
      </div>
      {words && <ServerWords>{words}</ServerWords>}
      {engine.state === "resting" && <p>{t("status.engines.restingAdvice")}</p>}
      {engine.state === "failed" && <p>{t("status.engines.failedAdvice")}</p>}
      <Facts>
        <Fact name={t("status.engines.model")}>
          <Verbatim>{engine.model}</Verbatim>
        </Fact>
        {engine.memory_bytes != null && <Fact name={t("status.engines.memory")}>{formats.bytes(engine.memory_bytes)}</Fact>}
        {engine.prompt_tokens > 0 && (
          <Fact name={t("status.engines.cached")}>
            {t("status.engines.cachedOf", {
              share: formats.percent(engine.cached_tokens / engine.prompt_tokens),
              tokens: formats.number(engine.prompt_tokens),
            })}
          </Fact>
        )}
        <Fact name={t("status.engines.restarts")}>{formats.number(engine.restarts)}</Fact>
      </Facts>
      <ConfinementNote report={engine.confinement ?? undefined} pid={engine.pid ?? undefined} />
    </>
  );
}
