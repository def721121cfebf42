import type { ComponentProps } from "react";

/** The browser's own list: best on a phone, and known to every screen reader. */
export function Select({ className = "", ...rest }: ComponentProps<"select">) {
  return (
    <select {...rest} className={`min-h-11 max-w-full rounded-lg border border-control bg-surface px-3 py-2 text-base text-ink ${className}`} />
  );
}
