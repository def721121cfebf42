import type { SessionState } from "../../api/client";
import { SESSION, queryClient } from "../../api/queries";
import { setLocale } from "../../i18n";
import { isLocale } from "../../i18n/locale";
import { clearLeftovers } from "./leftovers";
import { forgetPerson, lastPerson, remember } from "./memory";

/** Where the answer of `useSession` is kept. */
const KEY = [...SESSION, {}];

const isOther = ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey[1] !== SESSION[1];

/** Puts the session in force; of all else that the box has told, nothing stays. */
async function put(session: SessionState | undefined): Promise<void> {
  await queryClient.cancelQueries();
  if (session) queryClient.setQueryData(KEY, session);
  queryClient.removeQueries({ predicate: isOther });
  queryClient.getMutationCache().clear();
}

/** Someone has signed in: what another person left in this browser goes. */
export async function welcome(session: SessionState): Promise<void> {
  const former = lastPerson();
  if (former !== null && former !== session.account?.id) await clearLeftovers();
  remember(session);
  const language = session.account?.language;
  if (isLocale(language)) await setLocale(language);
  await put(session);
}

/** The person has left for good: nothing of theirs stays in this browser. */
export async function farewell(): Promise<void> {
  await clearLeftovers();
  forgetPerson();
  const session = queryClient.getQueryData<SessionState>(KEY);
  if (session) remember({ ...session, account: null });
  await put(session && { ...session, account: null, scopes: [], must_add_second_factor: false });
  await queryClient.invalidateQueries({ queryKey: SESSION });
}
