import type { ReactNode } from "react";

/** Names and what they stand for, side by side where there is room. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid grid-cols-[minmax(5.5rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1 sm:gap-x-6">{children}</dl>;
}

export function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div className="contents">
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  );
}

/** A word of the machine: an id, a host, a version. Left to right wherever it stands, and never translated. */
export function Verbatim({ children }: { children: ReactNode }) {
  return (
    <bdi dir="ltr" translate="no" className="break-words">
      {children}
    </bdi>
  );
}

/** Words of the server, which speaks English. */
export function ServerWords({ children }: { children: string }) {
  return (
    <span lang="en" dir="ltr" className="block text-start text-muted">
      {children}
    </span>
  );
}
