import { useMemo } from "react";
import { encode } from "uqr";

/** What every reader needs around it, in modules (ISO/IEC 18004). */
const QUIET = 4;

interface QrCodeProps {
  text: string;
  /** What it is, for those who do not see it. */
  label: string;
}

/** A QR code: dark on light by day and by night, as not every reader knows the reverse. */
export function QrCode({ text, label }: QrCodeProps) {
  const { size, path } = useMemo(() => drawing(text), [text]);
  const side = size + 2 * QUIET;
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`${-QUIET} ${-QUIET} ${side} ${side}`}
      shapeRendering="crispEdges"
      className="w-full max-w-60 self-center rounded-lg bg-paper text-print forced-color-adjust-none"
    >
      <path d={path} fill="currentColor" />
    </svg>
  );
}

/** One square for each dark module. */
function drawing(text: string): { size: number; path: string } {
  const { size, data } = encode(text, { ecc: "M", border: 0 });
  const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return { size, path: squares.join("") };
}
