import createFetchClient from "openapi-fetch";
import createQueryClient from "openapi-react-query";

import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Dream = Schemas["Dream"];
export type Interpretation = Schemas["Interpretation"];
export type Lens = Schemas["Lens"];
export type Limits = Schemas["Limits"];
export type Mood = Schemas["Mood"];
export type Problem = Schemas["Problem"];
export type SimilarDream = Schemas["SimilarDream"];
export type SystemReport = Schemas["SystemReport"];
export type Transcription = Schemas["Transcription"];
export type WaitingEvent = Schemas["WaitingEvent"];

/** For streams and uploads; see `events.ts`. */
export const client = createFetchClient<paths>({ baseUrl: "/" });

/** Typed TanStack Query hooks for every JSON operation: `api.useQuery("get", "/api/v1/dreams")`. */
export const api = createQueryClient(client);
