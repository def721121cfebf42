import { useTranslation } from "react-i18next";

import type { LensView } from "../api/client";
import { useLenses } from "./api";
import { lensAbout, lensName } from "./words";

/** The lenses with their words in the page's language; of one that is here no more, its id. */
export function useLensWords() {
  const { i18n } = useTranslation();
  const { data } = useLenses();
  const lenses: readonly LensView[] = data ?? [];
  const find = (id: string) => lenses.find((lens) => lens.id === id);
  return {
    /** Whether the box has told which there are. */
    known: data !== undefined,
    lenses,
    nameOf: (id: string) => {
      const lens = find(id);
      return lens ? lensName(lens, i18n.language) : id;
    },
    aboutOf: (id: string) => {
      const lens = find(id);
      return lens ? lensAbout(lens, i18n.language) : "";
    },
  };
}
