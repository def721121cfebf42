import { directionOf } from "../i18n/locale";
import { Composed } from "./Composed";

interface PassageProps {
  title?: string;
  /** Several are shown as a list. */
  text: string | string[];
  language: string;
  lead?: boolean;
  /** Its words are the server's own, from the dictionary. */
  composed?: boolean;
}

/** One part of what the model wrote; nothing while it has no words. */
export function Passage({ title, text, language, lead = false, composed = false }: PassageProps) {
  if (text.length === 0) return null;
  const size = lead ? "text-lg text-ink sm:text-xl" : "text-base sm:text-lg";
  return (
    <div className="arriving flex flex-col gap-2">
      {title && <h4 className="font-semibold">{title}</h4>}
      {typeof text === "string" ? (
        <p lang={language} dir="auto" className={`max-w-prose ${size}`}>
          {text}
        </p>
      ) : (
        <ul
          lang={language}
          dir={directionOf(language)}
          className={`flex max-w-prose list-disc flex-col gap-2 ps-5 marker:text-accent ${size}`}
        >
          {text.map((line, index) => (
            <li key={index}>{line}</li>
          ))}
        </ul>
      )}
      {composed && <Composed />}
    </div>
  );
}
