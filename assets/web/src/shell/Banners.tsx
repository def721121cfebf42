import type { ReactNode } from "react";

import { isReady, useSystem } from "../api/system";
import { Notice } from "../ui/Notice";
import { ComingUp } from "./ComingUp";
import { ConnectionNotice } from "./ConnectionNotice";

/** The room above a page for what the page must say. */
export function BannerSpace({ children }: { children: ReactNode }) {
  return (
    <div className="px-4 sm:px-8">
      <div className="mx-auto flex max-w-5xl flex-col gap-3">{children}</div>
    </div>
  );
}

/** What every page must say: no network, no answer, a box that is still coming up, and the operator's warnings. */
export function Banners({ children }: { children?: ReactNode }) {
  const system = useSystem();
  const { data: report, isError } = system;
  return (
    <BannerSpace>
      <ConnectionNotice asked={system} />
      {children}
      {!isError && report && !isReady(report) && <ComingUp report={report} />}
      {report?.warnings.map((warning) => (
        <Notice key={warning} tone="warning">
          <p lang="en" dir="auto">
            {warning}
          </p>
        </Notice>
      ))}
    </BannerSpace>
  );
}
