import { useSession } from "./api";

/** How the provider of identities is called on this box. */
export const useProviderName = () => useSession().data?.provider ?? "OpenID";
