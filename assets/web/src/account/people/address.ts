/** The address of a page with a code. After its `#`: what stands there, no browser sends and no server logs. */
export const addressWith = (origin: string, page: string, code: string) => `${origin}${page}#${encodeURIComponent(code)}`;

/** Whether an address leads each device to itself, so that it is of no use elsewhere. */
export const isLoopback = (host: string) => host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
