import type { ComponentProps } from "react";

const base =
  "inline-flex min-h-11 min-w-11 items-center justify-center gap-2 rounded-full px-5 py-2 text-base font-medium " +
  "transition-colors disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:cursor-not-allowed aria-disabled:opacity-55";

const kinds = {
  primary: "border border-transparent bg-accent text-on-accent hover:bg-accent-strong",
  quiet: "border border-control text-ink hover:border-accent hover:text-accent",
  plain: "border border-transparent text-accent underline-offset-4 hover:underline",
  danger: "border border-danger text-danger hover:bg-danger-ground",
};

export type ButtonKind = keyof typeof kinds;

/** The classes of a button, for a link that looks like one. */
export const buttonClass = (kind: ButtonKind, extra = "") => `${base} ${kinds[kind]} ${extra}`;

export function Button({ kind = "quiet", className = "", ...rest }: ComponentProps<"button"> & { kind?: ButtonKind }) {
  return <button type="button" {...rest} className={buttonClass(kind, className)} />;
}
