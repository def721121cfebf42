import createFetchClient from "openapi-fetch";
import createQueryClient from "openapi-react-query";

import type { AllPaths } from "./pending";
import type { components } from "./schema";

export type Schemas = components["schemas"];
export type Dream = Schemas["Dream"];
export type Interpretation = Schemas["Interpretation"];
export type Lens = Schemas["Lens"];
export type Mood = Schemas["Mood"];
export type Problem = Schemas["Problem"];
export type SimilarDream = Schemas["SimilarDream"];
export type SystemReport = Schemas["SystemReport"];
export type Transcription = Schemas["Transcription"];

/** For streams and uploads; see `events.ts`. */
export const client = createFetchClient<AllPaths>({ baseUrl: "/" });

/** Typed TanStack Query hooks for every JSON operation: `api.useQuery("get", "/api/v1/dreams")`. */
export const api = createQueryClient(client);
