import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "../account/session/useMay";
import { api } from "../api/client";
import { isProblem, thrown } from "../api/problem";

import { Button } from "../ui/Button";
import { ServerWords } from "../ui/Facts";
import { RemoveModelDialog } from "./RemoveModelDialog";
import type { Model } from "./report";

interface ModelActionsProps {
  model: Model;
  sealed: boolean;
  /** Room on the disk, in bytes. */
  free: number;
}

/** Fetch, stop and remove, for whoever may; where one of them cannot be done, why. */
export function ModelActions({ model, sealed, free }: ModelActionsProps) {
  const { t } = useTranslation();
  const [removing, setRemoving] = useState(false);
  const { pull, stop, remove, problem } = useModelChanges();
  const request = { params: { path: { id: model.id } } };
  const underWay = model.pull != null && model.pull.stage !== "failed";
  const may = useMay("models");
  const tooLarge = !model.present && model.bytes != null && model.bytes > free;
  if (!may) return null;
  return (
    <div className="flex flex-wrap items-center gap-3">
      {underWay && (
        <Button aria-label={t("status.models.stopNamed", { model: model.title })} onClick={() => stop.mutate(request)}>
          {t("status.models.stop")}
        </Button>
      )}
      {!model.present && !underWay && !sealed && !tooLarge && <PullButton model={model} onPull={() => pull.mutate(request)} />}
      {!model.present && tooLarge && <p className="text-muted">{t("status.models.tooLarge")}</p>}
      {model.present && !model.in_use && (
        <Button
          kind="danger"
          aria-label={t("status.models.removeNamed", { model: model.title })}
          onClick={() => setRemoving(true)}
        >
          {t("status.models.remove")}
        </Button>
      )}
      {model.present && model.in_use && <p className="text-sm text-muted">{t("status.models.keptInUse")}</p>}
      {problem && (
        <p role="alert" className="w-full text-danger">
          {t("status.models.failed")} <ServerWords>{problem}</ServerWords>
        </p>
      )}
      <RemoveModelDialog
        model={model}
        open={removing}
        onClose={() => setRemoving(false)}
        onRemove={() => remove.mutate(request)}
      />
    </div>
  );
}

function PullButton({ model, onPull }: { model: Model; onPull: () => void }) {
  const { t } = useTranslation();
  const again = model.pull != null;
  const name = again
    ? t("status.models.againNamed", { model: model.title })
    : t("status.models.pullNamed", { model: model.title });
  return (
    <Button aria-label={name} onClick={onPull}>
      {again ? t("status.models.again") : t("status.models.pull")}
    </Button>
  );
}

/** The three changes; after each the list is asked for anew. */
function useModelChanges() {
  const queries = useQueryClient();
  const options = { onSettled: () => queries.invalidateQueries({ queryKey: ["get", "/api/v1/models"] }) };
  const pull = api.useMutation("post", "/api/v1/models/{id}/pull", options);
  const stop = api.useMutation("delete", "/api/v1/models/{id}/pull", options);
  const remove = api.useMutation("delete", "/api/v1/models/{id}", options);
  const error = pull.error ?? stop.error ?? remove.error;
  return { pull, stop, remove, problem: error ? (isProblem(error) ? error.detail : thrown(error, false).kind) : null };
}
