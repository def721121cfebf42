import { useId } from "react";
import { useTranslation } from "react-i18next";

import type { CareResource } from "../api/client";
import { dialled, spokenAddress } from "./groups";

const link = "inline-flex min-h-11 items-center font-medium text-accent underline underline-offset-4 break-all";

/** Somebody to turn to, and how. What is said about them is in `language`. */
export function Resource({ resource, language }: { resource: CareResource; language: string }) {
  const { t } = useTranslation();
  const id = useId();
  const { name, phone, url, hours, about } = resource;
  const number = phone ? dialled(phone) : null;
  const address = url ? spokenAddress(url) : null;
  return (
    <li className="flex flex-col py-2">
      <span id={id} className="font-semibold">
        <bdi translate="no">{name}</bdi>
      </span>
      {about && (
        <span lang={language} dir="auto">
          {about}
        </span>
      )}
      <span className="flex flex-wrap gap-x-6">
        {number && (
          <a href={number} aria-describedby={id} className={link}>
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
        {/* In a tab of its own: leaving the page would end a reading that is being written. */}
        {url && address && (
          <a href={url} target="_blank" rel="noopener noreferrer" aria-describedby={id} className={link}>
            <bdi dir="ltr" translate="no">
              {address}
            </bdi>
            <span className="sr-only"> {t("care.newTab")}</span>
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
