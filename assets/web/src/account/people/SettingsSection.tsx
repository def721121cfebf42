import { useTranslation } from "react-i18next";

import { Section } from "../../ui/Section";
import { QueryState } from "../QueryState";
import { useSettings } from "../api";
import { SettingsForm } from "./SettingsForm";

export function SettingsSection() {
  const { t } = useTranslation();
  const settings = useSettings();
  return (
    <Section title={t("people.settings.title")}>
      <QueryState query={settings} />
      {settings.data && <SettingsForm settings={settings.data} />}
    </Section>
  );
}
