import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useFocusAfter } from "../account/useFocusAfter";
import type { PackView } from "../api/client";
import { useFormats } from "../i18n/format";
import { FailureNotice } from "../shell/FailureNotice";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Fact, Facts, ServerWords, Verbatim } from "../ui/Facts";
import { Notice } from "../ui/Notice";
import { useRemovePack } from "./api";
import { PACKS_HEADING } from "./heading";

/** One pack: what it brings, and the way to do without it. */
export function PackRow({ pack }: { pack: PackView }) {
  const { t } = useTranslation();
  const { dateTime, number } = useFormats();
  const { send, pending, failure } = useRemovePack();
  const [asking, setAsking] = useState(false);
  const focusHeading = useFocusAfter(PACKS_HEADING);
  const { name, version, added_at, lenses, symbols, sources, problem } = pack;
  const remove = () =>
    send(name, () => {
      setAsking(false);
      focusHeading();
    });
  return (
    <li className="flex flex-col gap-3 py-4 first:pt-0 last:pb-0">
      <h3 className="font-semibold">
        <Verbatim>{name}</Verbatim>
      </h3>
      {problem && (
        <Notice tone="warning" title={t("lore.packs.unused")}>
          <ServerWords>{problem}</ServerWords>
        </Notice>
      )}
      <Facts>
        <Fact name={t("lore.packs.version")}>
          <Verbatim>{version}</Verbatim>
        </Fact>
        <Fact name={t("lore.packs.added")}>{dateTime(added_at)}</Fact>
        {lenses.length > 0 && (
          <Fact name={t("lore.packs.lenses")}>
            <Verbatim>{lenses.join(", ")}</Verbatim>
          </Fact>
        )}
        <Fact name={t("lore.packs.symbols")}>{number(symbols)}</Fact>
        <Fact name={t("lore.packs.sources")}>{number(sources)}</Fact>
      </Facts>
      <p>
        <Button kind="danger" aria-label={t("lore.packs.removeNamed", { name })} onClick={() => setAsking(true)}>
          {t("lore.packs.remove")}
        </Button>
      </p>
      <Dialog
        open={asking}
        title={t("lore.packs.removeTitle", { name })}
        onClose={() => setAsking(false)}
        actions={
          <>
            <Button onClick={() => setAsking(false)}>{t("lore.packs.keep")}</Button>
            <Button kind="danger" aria-disabled={pending} onClick={remove}>
              {t("lore.packs.removeConfirm")}
            </Button>
          </>
        }
      >
        <p>{t("lore.packs.removeText")}</p>
        {failure && <FailureNotice failure={failure} />}
      </Dialog>
    </li>
  );
}
