import { useEffect, useRef } from "react";

interface ProgressProps {
  label: string;
  /** 0 to 1; absent while nobody knows. */
  value?: number | undefined;
}

/** How far something is. */
export function Progress({ label, value }: ProgressProps) {
  const bar = useRef<HTMLDivElement>(null);
  const percent = value === undefined ? undefined : Math.round(Math.min(Math.max(value, 0), 1) * 100);
  useEffect(() => {
    bar.current?.style.setProperty("inline-size", `${percent ?? 100}%`);
  }, [percent]);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className="h-2 w-full overflow-hidden rounded-full border border-control bg-sunken"
    >
      <div ref={bar} className={`h-full bg-accent forced-colors:bg-[Highlight] ${percent === undefined ? "breathing" : ""}`} />
    </div>
  );
}
