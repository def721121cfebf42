import { useTranslation } from "react-i18next";

import type { CareMessage } from "../api/client";
import { useFormats } from "../i18n/format";
import { Resource } from "./Resource";
import { groupByCountry } from "./groups";

/** Words of help that people wrote, and whom to turn to. */
export function CareWords({ message, level }: { message: CareMessage; level: 2 | 3 }) {
  const { t } = useTranslation();
  const { countryName } = useFormats();
  const Heading = `h${level}` as const;
  const groups = groupByCountry(message.resources, message.country ?? null);
  return (
    <div className="flex flex-col gap-4">
      {message.text.map((paragraph) => (
        <p key={paragraph} lang={message.language} dir="auto" className="max-w-prose text-base sm:text-lg">
          {paragraph}
        </p>
      ))}
      {groups.map(({ country, resources }) => (
        <div key={country} className="flex flex-col gap-1">
          <Heading className="font-semibold">{country ? countryName(country) : t("care.everywhere")}</Heading>
          <ul className="flex flex-col divide-y divide-line">
            {resources.map((resource) => (
              <Resource key={`${resource.name} ${resource.phone ?? ""}`} resource={resource} language={message.language} />
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}
