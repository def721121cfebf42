import { useEffect, useRef } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

let pagesShown = 0;

/** A page's heading and its column. Going to another page moves the focus to its heading, so that a screen reader says it. */
export function Page({
  title,
  lead,
  wide = false,
  children,
}: {
  title: string;
  lead?: ReactNode;
  wide?: boolean;
  children?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { t } = useTranslation();

  useEffect(() => {
    if (pagesShown > 0) heading.current?.focus({ preventScroll: true });
    pagesShown += 1;
  }, []);

  useEffect(() => {
    document.title = t("shell.documentTitle", { title });
  }, [title, t]);

  return (
    <div className={`mx-auto flex w-full flex-col gap-8 ${wide ? "max-w-5xl" : "max-w-2xl"}`}>
      <header className="flex flex-col gap-2">
        <h1 ref={heading} tabIndex={-1} className="text-3xl leading-tight font-semibold sm:text-5xl sm:leading-tight">
          {title}
        </h1>
        {lead && <p className="max-w-prose text-lg text-muted">{lead}</p>}
      </header>
      {children}
    </div>
  );
}
