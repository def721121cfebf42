// After `vite build`: the service worker, the budget of the first load, and compressed copies.
import { writeCompressed } from "./compress.mjs";
import { checkFirstLoad } from "./first-load.mjs";
import { writeServiceWorker } from "./service-worker.mjs";

writeServiceWorker();
checkFirstLoad();
await writeCompressed();
