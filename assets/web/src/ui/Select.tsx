import type { ComponentProps } from "react";

import { ChevronIcon } from "./icons";

/** The browser's own list: best on a phone, and known to every screen reader. */
export function Select({ className = "", ...rest }: ComponentProps<"select">) {
  return (
    <span className="relative inline-flex max-w-full">
      <select
        {...rest}
        className={`min-h-11 w-full appearance-none rounded-full border border-control bg-surface ps-4 pe-11 text-base text-ink ${className}`}
      />
      <span className="pointer-events-none absolute inset-y-0 end-3 flex items-center text-muted">
        <ChevronIcon />
      </span>
    </span>
  );
}
