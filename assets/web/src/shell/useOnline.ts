import { useSyncExternalStore } from "react";

function subscribe(listener: () => void) {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
}

/** Whether this device has a network at all. A box on the device itself answers without one. */
export const useOnline = () => useSyncExternalStore(subscribe, () => navigator.onLine);
