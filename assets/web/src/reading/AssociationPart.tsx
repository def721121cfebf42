import { useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useFocusAfter } from "../account/useFocusAfter";
import type { Association, Dream } from "../api/client";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { TextArea } from "../ui/TextArea";
import { countCharacters } from "../write/characters";
import { useAssociate, useForgetAssociation } from "./api";

const MOST = 500;

interface AssociationPartProps {
  dream: Dream;
  /** The image's id in the dictionary, or the word itself. */
  symbol: string;
  name: string;
  association: Association | undefined;
}

/** What an image brings to the dreamer's own mind: their words, beside the model's and apart from them. */
export function AssociationPart({ dream, symbol, name, association }: AssociationPartProps) {
  const { t } = useTranslation();
  const id = useId();
  const [editing, setEditing] = useState(false);
  const [sent, setSent] = useState("");
  const save = useAssociate(dream.id);
  const forget = useForgetAssociation(dream.id);
  const focusButton = useFocusAfter(id);
  const note = save.pending ? sent : forget.pending ? "" : (association?.note ?? "");
  const close = () => {
    setEditing(false);
    focusButton();
  };
  const submit = (text: string) => {
    setSent(text);
    save.send({ symbol, note: text }, close);
  };
  const failure = save.failure ?? forget.failure;
  return (
    <div className="flex flex-col gap-1">
      {note && !editing && (
        <>
          <p className="text-sm font-medium text-muted">{t("dream.association.heading")}</p>
          <p dir="auto" className="border-s-2 border-accent ps-3 font-dream break-words whitespace-pre-line">
            {note}
          </p>
        </>
      )}
      {editing ? (
        <AssociationForm name={name} start={note} pending={save.pending} onSubmit={submit} onCancel={close} />
      ) : (
        <div className="-ms-5 flex flex-wrap">
          <Button
            id={id}
            kind="plain"
            className="text-sm"
            aria-label={note ? t("dream.association.editNamed", { name }) : t("dream.association.addNamed", { name })}
            onClick={() => setEditing(true)}
          >
            {note ? t("dream.association.edit") : t("dream.association.add")}
          </Button>
          {note && (
            <Button
              kind="plain"
              className="text-sm"
              aria-label={t("dream.association.removeNamed", { name })}
              aria-disabled={forget.pending}
              onClick={() => forget.send(symbol, focusButton)}
            >
              {t("dream.association.remove")}
            </Button>
          )}
        </div>
      )}
      {failure && <FailureNotice failure={failure} />}
    </div>
  );
}

interface AssociationFormProps {
  name: string;
  start: string;
  pending: boolean;
  onSubmit: (note: string) => void;
  onCancel: () => void;
}

function AssociationForm({ name, start, pending, onSubmit, onCancel }: AssociationFormProps) {
  const { t } = useTranslation();
  const field = useRef<HTMLTextAreaElement>(null);
  const [note, setNote] = useState(start);
  const [refused, setRefused] = useState(false);
  useEffect(() => field.current?.focus(), []);
  const count = countCharacters(note);
  const fits = count > 0 && count <= MOST;
  const submit = (event: React.SyntheticEvent) => {
    event.preventDefault();
    setRefused(!fits);
    if (fits) onSubmit(note.trim());
  };
  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-2">
      <TextArea
        ref={field}
        label={t("dream.association.label", { name })}
        hint={t("dream.association.hint")}
        error={refused && !fits && t("dream.association.length", { most: MOST })}
        value={note}
        onText={setNote}
      />
      <div className="flex flex-wrap gap-3">
        <Button type="submit" kind="primary" aria-disabled={pending}>
          {t("dream.association.save")}
        </Button>
        <Button onClick={onCancel}>{t("dream.association.cancel")}</Button>
      </div>
    </form>
  );
}
