import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { queryClient } from "./api/queries";
import { startMessages } from "./i18n";
import { router } from "./router";
import { registerServiceWorker } from "./shell/serviceWorker";
import "./styles.css";
import { followSystem } from "./theme/theme";

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
