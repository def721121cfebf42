import { useTranslation } from "react-i18next";

import { Section } from "../../ui/Section";
import { QueryState } from "../QueryState";
import { useProfile } from "../api";
import { ProfileForm } from "./ProfileForm";

export function ProfileSection() {
  const { t } = useTranslation();
  const profile = useProfile();
  return (
    <Section title={t("account.profile.title")} intro={t("account.profile.intro")}>
      <QueryState query={profile} />
      {profile.data && <ProfileForm account={profile.data} />}
    </Section>
  );
}
