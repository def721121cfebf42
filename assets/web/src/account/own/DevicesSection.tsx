import { useTranslation } from "react-i18next";

import { Section } from "../../ui/Section";
import { FormFailure } from "../FormFailure";
import { QueryState } from "../QueryState";
import { useDevices, useRevokeDevice } from "../api";
import { focusOn } from "../focusOn";
import { DeviceRow } from "./DeviceRow";

const HEADING = "account-devices";

/** Where the person is signed in. */
export function DevicesSection() {
  const { t } = useTranslation();
  const devices = useDevices();
  const { send, pending, failure } = useRevokeDevice();
  return (
    <Section id={HEADING} title={t("account.devices.title")} intro={t("account.devices.intro")}>
      <QueryState query={devices} />
      <FormFailure failure={failure} />
      <ul className="flex flex-col divide-y divide-line">
        {devices.data?.map((device) => (
          <DeviceRow key={device.id} device={device} busy={pending} onRevoke={() => send(device.id, () => focusOn(HEADING))} />
        ))}
      </ul>
    </Section>
  );
}
