import { useTranslation } from "react-i18next";

import { groundOf } from "./words";
import { Sources } from "./Sources";

interface GroundProps {
  text: string;
  sources: readonly { kind: string; reference: string }[];
  /** Of the text, ISO 639-1. */
  language: string;
}

/** What a tradition or science says of an image, under its name and with its sources. */
export function Ground({ text, sources, language }: GroundProps) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col gap-1">
      <p className="text-sm font-medium text-muted">{t(`lore.says.${groundOf(sources)}`)}</p>
      <p lang={language} dir="auto">
        {text}
      </p>
      <Sources sources={sources} />
    </div>
  );
}
