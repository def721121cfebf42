import { useTranslation } from "react-i18next";

import { QueryState } from "../account/QueryState";
import { buttonClass } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Page } from "../ui/Page";
import { Section } from "../ui/Section";
import { Fingerprint } from "./Fingerprint";
import { Marked } from "./Marked";
import { AUTHORITY, useAuthority } from "./authority";
import type { Authority } from "./authority";
import { guides } from "./guides";

/** How a device comes to trust a box that vouches for itself. */
export function TrustPage() {
  const { t } = useTranslation();
  const query = useAuthority();
  const { data: authority } = query;
  return (
    <Page title={t("trust.title")} lead={authority === null ? t("trust.none") : t("trust.lead")}>
      <QueryState query={query} />
      {authority && <Instructions authority={authority} />}
    </Page>
  );
}

function Instructions({ authority }: { authority: Authority }) {
  const { t } = useTranslation();
  return (
    <>
      <Notice tone="warning" title={t("trust.beforeTitle")}>
        {t("trust.before")}
      </Notice>
      <div className="flex flex-col items-start gap-3">
        <a href={AUTHORITY} download className={buttonClass("primary")}>
          {t("trust.download")}
        </a>
        <p className="text-muted">
          <Marked of="trust.file" />
        </p>
      </div>
      {authority.fingerprint && <Fingerprint of={authority.fingerprint} />}
      {guides.map(({ name, steps }) => (
        <Section key={name} title={<bdi translate="no">{name}</bdi>}>
          <ol className="flex max-w-prose list-decimal flex-col gap-2 ps-6">
            {steps.map((step) => (
              <li key={step}>
                <Marked of={step} />
              </li>
            ))}
          </ol>
        </Section>
      ))}
    </>
  );
}
