import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The server that the development server hands `/api` on to. */
const server = process.env.ONEIROS_URL ?? "http://127.0.0.1:8431";

/** What the executable sends with every page of the app: `npm run preview` is as strict as the real thing. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const proxy = { "/api": { target: server, changeOrigin: true, headers: { origin: server } } };

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    // The list of entries and what each loads at once: scripts/finish.mjs measures the first load by it.
    manifest: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy, headers: { "Content-Security-Policy": contentSecurityPolicy } },
});
