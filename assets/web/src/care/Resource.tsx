import { useTranslation } from "react-i18next";

import type { CareResource } from "../api/client";
import { dialled, spokenAddress } from "./groups";

const link = "inline-flex min-h-11 items-center font-medium text-accent underline underline-offset-4 break-all";

/** Somebody to turn to, and how. What is said about them is in `language`. */
export function Resource({ resource, language }: { resource: CareResource; language: string }) {
  const { t } = useTranslation();
  const { name, phone, url, hours, about } = resource;
  const number = phone ? dialled(phone) : null;
  const address = url ? spokenAddress(url) : null;
  return (
    <li className="flex flex-col py-2">
      <span className="font-semibold">
        <bdi translate="no">{name}</bdi>
      </span>
      {about && (
        <span lang={language} dir="auto">
          {about}
        </span>
      )}
      <span className="flex flex-wrap gap-x-6">
        {number && (
          <a href={number} aria-label={t("care.call", { name, phone })} className={link}>
            <bdi dir="ltr" translate="no">
              {phone}
            </bdi>
          </a>
        )}
        {phone && !number && (
          <span lang={language} dir="auto">
            {phone}
          </span>
        )}
        {url && address && (
          <a href={url} rel="noreferrer noopener" className={link}>
            <bdi dir="ltr" translate="no">
              {address}
            </bdi>
          </a>
        )}
      </span>
      {hours && (
        <span className="text-sm text-muted">
          {t("care.hours")} <bdi lang={language}>{hours}</bdi>
        </span>
      )}
    </li>
  );
}
