/** What the box tells without being asked. */
export type News =
  /** Something of the person's journal has changed, here or elsewhere. */
  | { kind: "dream"; id: string; change: DreamChange }
  /** Something may have been missed. */
  | { kind: "lost" }
  /** The box has stopped telling: perhaps the session has ended. */
  | { kind: "ended" };

const changes = ["kept", "read", "deleted"] as const;
export type DreamChange = (typeof changes)[number];

/** An event `dreams` of the stream; of one that this page is too old to know, only that something changed. */
export function dreamNews(payload: string): News {
  const { dream_id, change } = JSON.parse(payload) as { dream_id?: unknown; change?: unknown };
  const known = changes.find((one) => one === change);
  return known && typeof dream_id === "string" ? { kind: "dream", id: dream_id, change: known } : { kind: "lost" };
}
