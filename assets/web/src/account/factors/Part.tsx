import type { ReactNode } from "react";

interface PartProps {
  title: ReactNode;
  /** In a word or two, beside the title. */
  state?: ReactNode;
  intro: ReactNode;
  children: ReactNode;
}

/** One thing within a section. */
export function Part({ title, state, intro, children }: PartProps) {
  return (
    <div className="flex flex-col items-start gap-3 border-t border-line pt-5">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="text-lg font-semibold">{title}</h3>
        {state}
      </div>
      <p className="max-w-prose text-muted">{intro}</p>
      {children}
    </div>
  );
}
