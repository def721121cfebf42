import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { startMessages } from "./i18n";
import { router } from "./router";
import { registerServiceWorker } from "./shell/serviceWorker";
import "./styles.css";
import { followSystem } from "./theme/theme";

const queryClient = new QueryClient({
  // Without a network the box may still answer: it can be this machine.
  defaultOptions: { queries: { staleTime: 5_000, retry: 1, networkMode: "always" }, mutations: { networkMode: "always" } },
});

async function start(): Promise<void> {
  followSystem();
  await startMessages();
  const root = document.getElementById("root");
  if (!root) throw new Error("index.html has no #root");
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
  registerServiceWorker();
}

void start();
