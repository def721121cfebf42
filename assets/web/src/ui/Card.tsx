import type { ComponentProps } from "react";

/** A raised sheet. */
export function Card({ className = "", ...rest }: ComponentProps<"section">) {
  return <section {...rest} className={`rounded-2xl border border-line bg-surface p-5 sm:p-6 ${className}`} />;
}
