import type { ReactNode } from "react";

/** Drawings beside words or in named buttons: hidden from screen readers, in the colour of the text. */
function Icon({ children, className = "" }: { children: ReactNode; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 24 24"
      className={`size-5 shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

/** The product's mark: a closed eye. */
export const MarkIcon = ({ className = "" }: { className?: string }) => (
  <Icon className={className}>
    <path d="M3.500 9c2 4.300 5 6 8.500 6s6.500-1.700 8.500-6M12 15v4M7 13.400l-2 3.400M17 13.400l2 3.400" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);

export const SettingsIcon = () => (
  <Icon>
    <path d="M4 7h9M17 7h3M4 17h3M11 17h9" />
    <circle cx="15" cy="7" r="2" />
    <circle cx="9" cy="17" r="2" />
  </Icon>
);

export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8" r="3.500" />
    <path d="M5 19.500c1-4 3.500-5.500 7-5.500s6 1.500 7 5.500" />
  </Icon>
);

export const MicrophoneIcon = () => (
  <Icon>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3" />
  </Icon>
);

export const PauseIcon = () => (
  <Icon>
    <path d="M8.500 6v12M15.500 6v12" />
  </Icon>
);

export const StopIcon = () => (
  <Icon>
    <rect x="6.500" y="6.500" width="11" height="11" rx="1.500" />
  </Icon>
);

export const ChevronIcon = () => (
  <Icon>
    <path d="M7 10l5 5 5-5" />
  </Icon>
);
