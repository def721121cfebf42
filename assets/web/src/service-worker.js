// Keeps the app's own files, so that the page opens without a network. Never keeps an answer of the API: a dream read
// on a shared device must not stay behind in a cache. scripts/service-worker.mjs fills in the version and the files.
const CACHE = "shell-" + "__VERSION__";
const FILES = ["__FILES__"];
const SHELL = new Set(FILES);

self.addEventListener("install", (event) => {
  const fetchAll = async () => {
    const cache = await caches.open(CACHE);
    // Past the browser's own cache, which may hold files of the build before.
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
    await self.skipWaiting();
  };
  event.waitUntil(fetchAll());
});

self.addEventListener("activate", (event) => {
  const dropOld = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("shell-") && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(dropOld());
});

async function kept(address, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(address)) ?? fetch(request);
}

/** The newest page while the box answers, the kept one otherwise. */
async function page(request) {
  try {
    return await fetch(request);
  } catch {
    return kept("/", request);
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (SHELL.has(pathname)) event.respondWith(kept(pathname, request));
});
