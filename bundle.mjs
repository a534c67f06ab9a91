/**
 * The last step of the build: the browser's client as one file, dist/browser/ring-level.js, that a page can import as it
 * is. Made from dist/, so that it is what was compiled.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const OUTPUT = file('dist/browser/ring-level.js');

await build({
  entryPoints: [file('dist/client/browser.js')],
  outfile: OUTPUT,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  legalComments: 'eof',
  logLevel: 'warning',
  // The names of sources must not depend on where node_modules really lies.
  preserveSymlinks: true,
});

const bytes = readFileSync(OUTPUT);
process.stdout.write(`dist/browser/ring-level.js: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} with gzip, ${brotliCompressSync(bytes).length} with brotli\n`);
