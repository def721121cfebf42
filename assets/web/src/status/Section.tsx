import { useId } from "react";
import type { ReactNode } from "react";

import { Card } from "../ui/Card";

interface SectionProps {
  title: string;
  intro?: ReactNode;
  children: ReactNode;
}

/** One part of the page, found by its heading. */
export function Section({ title, intro, children }: SectionProps) {
  const id = useId();
  return (
    <Card aria-labelledby={id} className="flex flex-col gap-4">
      <h2 id={id} className="text-xl font-semibold">
        {title}
      </h2>
      {intro && <p className="max-w-prose text-muted">{intro}</p>}
      {children}
    </Card>
  );
}
