import { Link } from "@tanstack/react-router";

import type { Dream } from "../api/client";
import { useFormats } from "../i18n/format";
import { directionOf } from "../i18n/locale";

/** Dreams by how they begin, each with the way to its page. */
export function DreamLinks({ dreams }: { dreams: readonly Dream[] }) {
  const { date } = useFormats();
  return (
    <ul className="flex flex-col divide-y divide-line">
      {dreams.map((dream) => (
        <li key={dream.id}>
          <Link to="/dreams/$id" params={{ id: dream.id }} className="group flex min-h-11 flex-col py-2">
            <span
              lang={dream.language}
              dir={directionOf(dream.language)}
              className="line-clamp-2 font-dream break-words group-hover:text-accent"
            >
              {dream.text}
            </span>
            <time dateTime={dream.created_at} className="text-sm text-muted">
              {date(dream.created_at)}
            </time>
          </Link>
        </li>
      ))}
    </ul>
  );
}
