/** How each kind of device, and the browser that has a list of its own, is told to trust a certificate. */
export const guides = [
  { name: "Windows", steps: ["trust.windows.step1", "trust.windows.step2", "trust.windows.step3", "trust.windows.step4"] },
  { name: "macOS", steps: ["trust.macos.step1", "trust.macos.step2", "trust.macos.step3"] },
  { name: "iPhone, iPad", steps: ["trust.ios.step1", "trust.ios.step2", "trust.ios.step3"] },
  { name: "Android", steps: ["trust.android.step1", "trust.android.step2", "trust.android.step3"] },
  { name: "Debian, Ubuntu", steps: ["trust.linux.step1", "trust.linux.step2", "trust.linux.step3", "trust.linux.step4"] },
  { name: "Firefox", steps: ["trust.firefox.step1", "trust.firefox.step2", "trust.firefox.step3"] },
] as const;

export type Guide = (typeof guides)[number];
