import type { ReactNode } from "react";

interface FormProps {
  onSubmit: () => void;
  className?: string;
  children: ReactNode;
}

/** A form whose words are ours: what is wrong is said below its field, not in the browser's bubble. */
export function Form({ onSubmit, className = "gap-5", children }: FormProps) {
  const submit = (event: React.SyntheticEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <form noValidate onSubmit={submit} className={`flex flex-col ${className}`}>
      {children}
    </form>
  );
}
