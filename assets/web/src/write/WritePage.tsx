import { ReadingPage } from "./ReadingPage";
import { useWriteSession } from "./session";
import { WriteForm } from "./WriteForm";

/** The first page: a dream is told, then its reading appears in the same place. */
export function WritePage() {
  const session = useWriteSession();
  const { dream } = session.progress;
  return dream ? <ReadingPage session={session} dream={dream} /> : <WriteForm session={session} />;
}
