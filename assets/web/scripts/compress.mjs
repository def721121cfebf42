// NAME.br and NAME.gz beside each file that gains by it; the executable holds and serves them as they are.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import { dist, distFiles } from "./dist.mjs";

const COMPRESSIBLE = /\.(html|js|css|svg|json|webmanifest|txt)$/;
const brotli = promisify(brotliCompress);
const deflate = promisify(gzip);

export async function writeCompressed() {
  await Promise.all(
    distFiles()
      .filter((file) => COMPRESSIBLE.test(file))
      .map(compress),
  );
}

async function compress(file) {
  const path = join(dist, file);
  const content = await readFile(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  await writeFile(`${path}.br`, await brotli(content, { params }));
  await writeFile(`${path}.gz`, await deflate(content, { level: 9 }));
}
