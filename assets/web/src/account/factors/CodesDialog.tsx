import { useState } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Dialog } from "../../ui/Dialog";
import { RecoveryCodes } from "./RecoveryCodes";

interface CodesDialogProps {
  open: boolean;
  title: string;
  /** Called off. */
  onClose: () => void;
  /** It is done, and the codes that came of it are kept. */
  onDone: () => void;
  /** The steps before; the last of them hands on the codes, or none. */
  children: (finish: (codes: readonly string[]) => void) => ReactNode;
}

/** A dialog that may end with recovery codes. With those it closes only once the person says that they are kept. */
export function CodesDialog({ open, title, onClose, onDone, children }: CodesDialogProps) {
  const { t } = useTranslation();
  const [codes, setCodes] = useState<readonly string[]>([]);
  const finish = (made: readonly string[]) => {
    if (made.length > 0) setCodes(made);
    else onDone();
  };
  const kept = () => {
    setCodes([]);
    onDone();
  };
  const held = codes.length > 0;
  return (
    <Dialog open={open} title={held ? t("factors.recovery.shownTitle") : title} held={held} onClose={onClose}>
      {held ? <RecoveryCodes codes={codes} onKept={kept} /> : children(finish)}
    </Dialog>
  );
}
