import { useTranslation } from "react-i18next";

import type { Session } from "../../api/client";
import { useFormats } from "../../i18n/format";
import { Button } from "../../ui/Button";
import { Fact, Facts, Verbatim } from "../../ui/Facts";
import { State } from "../../ui/State";
import { agentName } from "../agent";

interface DeviceRowProps {
  device: Session;
  busy: boolean;
  onRevoke: () => void;
}

/** One device: what it is, when it was last here, and the way to sign it out. */
export function DeviceRow({ device, busy, onRevoke }: DeviceRowProps) {
  const { t } = useTranslation();
  const { dateTime } = useFormats();
  const name = agentName(device.user_agent);
  return (
    <li className="flex flex-col gap-2 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold">{name ? <Verbatim>{name}</Verbatim> : t("account.devices.unknown")}</h3>
        {device.current && <State tone="good">{t("account.devices.current")}</State>}
      </div>
      <Facts>
        <Fact name={t("account.devices.lastSeen")}>{dateTime(device.last_seen_at)}</Fact>
        <Fact name={t("account.devices.since")}>{dateTime(device.created_at)}</Fact>
        <Fact name={t("account.devices.until")}>{dateTime(device.expires_at)}</Fact>
        {device.address && (
          <Fact name={t("account.devices.address")}>
            <Verbatim>{device.address}</Verbatim>
          </Fact>
        )}
      </Facts>
      {!device.current && (
        <p>
          <Button
            aria-disabled={busy}
            aria-label={t("account.devices.revokeNamed", {
              device: name ?? t("account.devices.unknown"),
              time: dateTime(device.last_seen_at),
            })}
            onClick={onRevoke}
          >
            {t("account.devices.revoke")}
          </Button>
        </p>
      )}
    </li>
  );
}
