import type { ReactNode } from "react";

const tones = {
  calm: "border-line bg-surface",
  warning: "border-mark-line bg-warning-ground",
  danger: "border-danger bg-danger-ground",
};

interface NoticeProps {
  tone?: keyof typeof tones;
  title?: ReactNode;
  /** What can be done about it. */
  actions?: ReactNode;
  /** Said by a screen reader when it appears. */
  live?: boolean;
  children?: ReactNode;
}

/** Something to know, in a sentence or two. */
export function Notice({ tone = "calm", title, actions, live = false, children }: NoticeProps) {
  return (
    <div role={live ? "status" : undefined} className={`rounded-xl border px-4 py-3 ${tones[tone]}`}>
      {title && <p className="font-semibold">{title}</p>}
      {children && <div className="max-w-prose">{children}</div>}
      {actions && <div className="mt-3 flex flex-wrap gap-3">{actions}</div>}
    </div>
  );
}
