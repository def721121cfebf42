import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import type { Dream } from "../api/client";
import { useFormats } from "../i18n/format";
import { directionOf } from "../i18n/locale";
import { DeleteDream } from "./DeleteDream";

/** One dream of the list: how it begins, when it was told, and the way to delete it. */
export function DreamRow({ dream }: { dream: Dream }) {
  const { i18n } = useTranslation();
  const formats = useFormats();
  const foreign = dream.language !== i18n.language;
  return (
    <li className="flex flex-col gap-1 py-5 first:pt-0">
      <Link to="/dreams/$id" params={{ id: dream.id }} className="group flex min-h-11 flex-col gap-1">
        <span
          lang={dream.language}
          dir={directionOf(dream.language)}
          className="line-clamp-3 font-dream text-lg leading-relaxed break-words group-hover:text-accent"
        >
          {dream.text}
        </span>
      </Link>
      <div className="-me-4 sm:-me-5 flex items-center justify-between gap-4 text-sm text-muted">
        <p>
          <time dateTime={dream.created_at}>{formats.dateTime(dream.created_at)}</time>
          {foreign && ` · ${formats.languageName(dream.language)}`}
        </p>
        <DeleteDream dream={dream} kind="plain" onDeleted={focusHeading} />
      </div>
    </li>
  );
}

/** The row and its button are gone: the page's heading is the nearest thing that stays. */
function focusHeading(): void {
  document.querySelector("h1")?.focus();
}
