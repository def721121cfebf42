import { useTranslation } from "react-i18next";

import type { ApiKey } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Fact, Facts, Verbatim } from "../../ui/Facts";
import { State } from "../../ui/State";
import { scopeWords } from "../scopes";

/** One key: what it may do, how long, and when it was used. */
export function KeyRow({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: () => void }) {
  const { t } = useTranslation();
  const { date, dateTime } = useFormats();
  const { name, prefix, scopes, created_at, expires_at, last_used_at } = apiKey;
  const over = expires_at != null && new Date(expires_at) < new Date();
  return (
    <li className="flex flex-col gap-2 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold break-words">
          <bdi translate="no">{name}</bdi>
        </h3>
        {over && <State tone="bad">{t("account.keys.expired")}</State>}
      </div>
      <Facts>
        <Fact name={t("account.keys.prefix")}>
          <Verbatim>{`${prefix}…`}</Verbatim>
        </Fact>
        <Fact name={t("account.keys.may")}>
          <ul>
            {scopes.map((scope) => {
              const words = scopeWords(scope);
              return <li key={scope}>{words ? t(`account.scopes.${words}.name`) : <Verbatim>{scope}</Verbatim>}</li>;
            })}
          </ul>
        </Fact>
        <Fact name={t("account.keys.created")}>{date(created_at)}</Fact>
        <Fact name={t("account.keys.until")}>{expires_at ? date(expires_at) : t("account.keys.endless")}</Fact>
        <Fact name={t("account.keys.lastUsed")}>{last_used_at ? dateTime(last_used_at) : t("account.keys.unused")}</Fact>
      </Facts>
      <p>
        <Button kind="danger" aria-label={t("account.keys.revokeNamed", { name })} onClick={onRevoke}>
          {t("account.keys.revoke")}
        </Button>
      </p>
    </li>
  );
}
