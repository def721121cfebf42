import { useId } from "react";
import type { ReactNode } from "react";

import { Card } from "./Card";

interface SectionProps {
  title: ReactNode;
  intro?: ReactNode;
  /** Of its heading, for a keyboard that is to go on there. */
  id?: string;
  children: ReactNode;
}

/** One part of the page, found by its heading. */
export function Section({ title, intro, id: ownId, children }: SectionProps) {
  const fallbackId = useId();
  const id = ownId ?? fallbackId;
  return (
    <Card aria-labelledby={id} className="flex flex-col gap-4">
      <h2 id={id} tabIndex={-1} className="text-xl font-semibold">
        {title}
      </h2>
      {intro && <p className="max-w-prose text-muted">{intro}</p>}
      {children}
    </Card>
  );
}
