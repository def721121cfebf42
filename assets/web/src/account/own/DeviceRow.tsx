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

/** One browser or app: what it is, when it was last here, how it came in, and the way to sign it out. */
export function DeviceRow({ device, busy, onRevoke }: DeviceRowProps) {
  const { t } = useTranslation();
  const { dateTime } = useFormats();
  const name = device.app ?? agentName(device.user_agent);
  return (
    <li className="flex flex-col gap-2 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold">{name ? <DeviceName device={device}>{name}</DeviceName> : t("account.devices.unknown")}</h3>
        {device.app && <State tone="calm">{t("account.devices.app")}</State>}
        {device.current && <State tone="good">{t("account.devices.current")}</State>}
      </div>
      <Facts>
        <Fact name={t("account.devices.lastSeen")}>{dateTime(device.last_seen_at)}</Fact>
        <Fact name={t("account.devices.since")}>{dateTime(device.created_at)}</Fact>
        <Fact name={t("account.devices.by")}>{t(`account.devices.cameBy.${device.came_by}`)}</Fact>
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

/** What a browser is called runs from left to right; what an app calls itself may not. */
function DeviceName({ device: { app }, children }: { device: Session; children: string }) {
  return app ? <bdi translate="no">{children}</bdi> : <Verbatim>{children}</Verbatim>;
}
