import { api, client } from "../api/client";
import type { Confirmation, ProfileChange, RegistrationRequest, Schemas, SetupRequest } from "../api/client";
import { useCall } from "./call";

// Every call about accounts is in this file, but for those about ways in beside the password: `factors/api.ts`.

const PAGE_SIZE = 50;
/** How soon the box is asked again who is signed in, when it did not say, in milliseconds. */
const ASK_AGAIN = 2_000;

/** Who is signed in, and what that person may do. */
export function useSession() {
  return api.useQuery(
    "get",
    "/api/v1/session",
    {},
    { retry: false, refetchInterval: ({ state }) => (state.error && state.error.status !== 404 ? ASK_AGAIN : false) },
  );
}

export const useLogIn = () => useCall((body: Schemas["LoginRequest"]) => client.POST("/api/v1/session", { body }));
export const useLogOut = () => useCall(() => client.DELETE("/api/v1/session"));
export const useSetUp = () => useCall((body: SetupRequest) => client.POST("/api/v1/setup", { body }));
export const useRegister = () => useCall((body: RegistrationRequest) => client.POST("/api/v1/registration", { body }));
export const useResetPassword = () =>
  useCall((body: Schemas["PasswordResetRequest"]) => client.POST("/api/v1/password-reset", { body }));

export const useProfile = () => api.useQuery("get", "/api/v1/account", {});
export const useChangeProfile = () =>
  useCall((body: ProfileChange) => client.PATCH("/api/v1/account", { body }), ["/api/v1/account", "/api/v1/session"]);
export const useChangePassword = () =>
  useCall(
    (body: Schemas["PasswordChange"]) => client.POST("/api/v1/account/password", { body }),
    ["/api/v1/account/sessions", "/api/v1/account/keys"],
  );
export const useErase = () => useCall((body: Confirmation) => client.POST("/api/v1/account/erasure", { body }));
/** Everything of this person's, as a file. */
export const useExport = () => useCall(() => client.GET("/api/v1/account/export", { parseAs: "blob" }));

export const useDevices = () => api.useQuery("get", "/api/v1/account/sessions", {});
export const useRevokeDevice = () =>
  useCall(
    (id: string) => client.DELETE("/api/v1/account/sessions/{id}", { params: { path: { id } } }),
    ["/api/v1/account/sessions"],
  );

export const useKeys = () => api.useQuery("get", "/api/v1/account/keys", {});
export const useCreateKey = () =>
  useCall((body: Schemas["KeyRequest"]) => client.POST("/api/v1/account/keys", { body }), ["/api/v1/account/keys"]);
export const useRevokeKey = () =>
  useCall((id: string) => client.DELETE("/api/v1/account/keys/{id}", { params: { path: { id } } }), ["/api/v1/account/keys"]);

export function useUsers(search: string) {
  return api.useInfiniteQuery(
    "get",
    "/api/v1/users",
    { params: { query: { limit: PAGE_SIZE, ...(search ? { search } : {}) } } },
    // Left out of the first request; `undefined` would become 0.
    { initialPageParam: null, getNextPageParam: (page: { next_cursor?: string | null }) => page.next_cursor },
  );
}
export const useChangeUser = () =>
  useCall(
    ({ id, ...body }: { id: string } & Schemas["UserChange"]) =>
      client.PATCH("/api/v1/users/{id}", { params: { path: { id } }, body }),
    ["/api/v1/users"],
  );
export const useResetCode = () =>
  useCall((id: string) => client.POST("/api/v1/users/{id}/password-reset", { params: { path: { id } } }));

export const useInvitations = () => api.useQuery("get", "/api/v1/invitations", {});
export const useInvite = () =>
  useCall((body: Schemas["InvitationRequest"]) => client.POST("/api/v1/invitations", { body }), ["/api/v1/invitations"]);
export const useWithdraw = () =>
  useCall((id: string) => client.DELETE("/api/v1/invitations/{id}", { params: { path: { id } } }), ["/api/v1/invitations"]);

export const useSettings = () => api.useQuery("get", "/api/v1/settings", {});
export const useChangeSettings = () =>
  useCall(
    (body: Schemas["SettingsChange"]) => client.PATCH("/api/v1/settings", { body }),
    ["/api/v1/settings", "/api/v1/session"],
  );

export function useAudit({ action, user }: { action: string; user: string }) {
  const filters = { ...(action ? { action } : {}), ...(user ? { user } : {}) };
  return api.useInfiniteQuery(
    "get",
    "/api/v1/audit",
    { params: { query: { limit: PAGE_SIZE, ...filters } } },
    { initialPageParam: null, getNextPageParam: (page: { next_cursor?: string | null }) => page.next_cursor },
  );
}
