import type { Role } from "../../api/client";

/** What a person may be on this box. */
export const roles = ["user", "imam", "operator", "admin"] as const satisfies readonly Role[];
