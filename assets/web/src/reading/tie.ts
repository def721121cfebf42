/** What ties a mark in the dream to its symbol: both show when either has the focus or the pointer. */
export interface Tie {
  /** Unique on the page. */
  id: string;
  /** The symbol that is shown just now. */
  active: number | null;
  onActive: (symbol: number | null) => void;
}

export const markId = (tie: Tie, symbol: number) => `${tie.id}-mark-${symbol}`;
export const meaningId = (tie: Tie, symbol: number) => `${tie.id}-meaning-${symbol}`;

/** Handlers that make an element show its symbol. */
export const showing = ({ onActive }: Tie, symbol: number) => ({
  onFocus: () => onActive(symbol),
  onBlur: () => onActive(null),
  onMouseEnter: () => onActive(symbol),
  onMouseLeave: () => onActive(null),
});

/** Goes to the other end of a tie without leaving an entry in the browser's history. */
export function follow(event: React.MouseEvent, target: string): void {
  const element = document.getElementById(target);
  if (!element) return;
  event.preventDefault();
  element.focus();
  element.scrollIntoView({ block: "nearest", behavior: "smooth" });
}
