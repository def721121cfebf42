import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { CareMessage, DialogTurn, Dream, LensId } from "../api/client";
import { CareCard } from "../care/CareCard";
import { useCareCard } from "../care/useCareCard";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { TextArea } from "../ui/TextArea";
import { countCharacters } from "../write/characters";
import { ForgetDialog } from "./ForgetDialog";
import { Answer, Question } from "./Turn";
import { useAsk } from "./api";

const [FEWEST, MOST] = [2, 500];

interface DialogPartProps {
  dream: Dream;
  lens: LensId;
  /** Those about this lens, oldest first. */
  turns: readonly DialogTurn[];
}

/** Questions about a reading, with a model's answers. */
export function DialogPart({ dream, lens, turns }: DialogPartProps) {
  const { t } = useTranslation();
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [question, setQuestion] = useState("");
  const [refused, setRefused] = useState(false);
  const [brought, setBrought] = useState<CareMessage | null>(null);
  const { send, pending, failure } = useAsk(dream.id);
  // What is asked next may need them again, so they are not put away for the whole dream.
  const care = useCareCard(failure?.problem?.care ?? brought, null);
  const count = countCharacters(question);
  const fits = count >= FEWEST && count <= MOST;
  const ask = () => {
    setRefused(!fits);
    if (!fits) return;
    send({ lens, question: question.trim() }, (answer) => {
      setBrought(answer.care ?? null);
      // Words of help may stand in place of an answer: the question was not kept then.
      if (answer.turn) setQuestion("");
    });
  };
  const submit = (event: React.SyntheticEvent) => {
    event.preventDefault();
    ask();
  };
  return (
    <section aria-labelledby={id} className="flex max-w-prose flex-col gap-4 border-t border-line pt-5">
      <h4 id={id} tabIndex={-1} className="font-semibold">
        {t("dream.dialog.heading")}
      </h4>
      <p className="text-sm text-muted">{t("dream.dialog.bounds")}</p>
      <CareCard {...care} />
      <ol className="flex flex-col gap-4">
        {turns.map((turn) => (
          <li key={turn.id} className="flex flex-col gap-3">
            <Question>{turn.question}</Question>
            <Answer turn={turn} />
          </li>
        ))}
      </ol>
      {pending && <Question>{question.trim()}</Question>}
      <p role="status" className={pending ? "flex items-center gap-3" : "sr-only"}>
        {pending && <span className="breathing size-2.5 shrink-0 rounded-full bg-accent" />}
        {pending && t("dream.dialog.working")}
      </p>
      {failure && <FailureNotice failure={failure} onRetry={ask} />}
      <form noValidate onSubmit={submit} className="flex flex-col items-start gap-2">
        <div className="w-full">
          <TextArea
            ref={field}
            label={t("dream.dialog.label")}
            hint={t("dream.dialog.hint")}
            error={refused && !fits && t("dream.dialog.length", { fewest: FEWEST, most: MOST })}
            value={question}
            readOnly={pending}
            onText={setQuestion}
          />
        </div>
        <div className="flex flex-wrap gap-3">
          <Button type="submit" aria-disabled={pending}>
            {t("dream.dialog.ask")}
          </Button>
          {turns.length > 0 && <ForgetDialog dream={dream} heading={id} />}
        </div>
      </form>
    </section>
  );
}
