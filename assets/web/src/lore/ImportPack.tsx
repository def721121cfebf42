import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Failure } from "../api/problem";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { Verbatim } from "../ui/Facts";
import { Notice } from "../ui/Notice";
import { Section } from "../ui/Section";
import { useImportPack } from "./api";

/** As much as the box takes, in bytes. */
const MOST = 1024 * 1024;

/** Takes a file and adds it, or says where it is wrong. */
export function ImportPack() {
  const { t } = useTranslation();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState<"tooLarge" | "unreadable" | null>(null);
  const { send, pending, done, failure, reset } = useImportPack();
  const take = async (file: File | undefined) => {
    if (!file || pending) return;
    reset();
    const text = file.size <= MOST ? await file.text().catch(() => null) : null;
    setRefused(text !== null ? null : file.size > MOST ? "tooLarge" : "unreadable");
    if (text !== null) send(text);
    // The same file, mended, is a change as well.
    if (field.current) field.current.value = "";
  };
  return (
    <Section title={t("lore.packs.import")} intro={t("lore.packs.importText")}>
      <input
        ref={field}
        id={id}
        type="file"
        accept=".toml,application/toml,text/plain"
        aria-label={t("lore.packs.file")}
        hidden
        onChange={(event) => void take(event.target.files?.[0])}
      />
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Button kind="primary" aria-disabled={pending} onClick={() => field.current?.click()}>
          {pending ? t("lore.packs.importing") : t("lore.packs.choose")}
        </Button>
        <p role="status" className="text-good">
          {done && t("lore.packs.imported")}
        </p>
      </div>
      {refused && (
        <Notice tone="danger" title={t(`lore.packs.${refused}`)} live>
          {t(`lore.packs.${refused}Advice`)}
        </Notice>
      )}
      {failure && <FailureNotice failure={failure} />}
      {failure && <Faults failure={failure} />}
    </Section>
  );
}

/** Each fault with its place in the file. */
function Faults({ failure }: { failure: Failure }) {
  const { t } = useTranslation();
  const errors = failure.problem?.errors ?? [];
  if (errors.length === 0) return null;
  return (
    <div className="flex flex-col gap-2">
      <h3 className="font-semibold">{t("lore.packs.faults")}</h3>
      <ul className="flex list-disc flex-col gap-1 ps-5">
        {errors.map(({ field, message }) => (
          <li key={`${field} ${message}`}>
            <span lang="en" dir="ltr" className="block text-start">
              <Verbatim>{field}</Verbatim>: {message}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
