// Completes a build: names it by its content, writes the name into the boot script and the service worker, and prints download sizes.
//
//   node finish.mjs FOLDER LIMIT KEPT     fails if the page, the engine or a reader exceeds LIMIT bytes after brotli; caches the sizes of
//                                         large files in the folder KEPT

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";

const [folder, limit, kept] = process.argv.slice(2);

/** Files for offline use of the app and the JavaScript API, without examples and types. */
const NEEDED = /^(index\.html|manifest\.webmanifest|icons\/.*|.*\.js|.*\.wasm)$/;
/** Fetched by the browser itself; it cannot contain its own digest. */
const LEFT_OUT = "service-worker.js";

const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"))
  .filter((name) => NEEDED.test(name) && name !== LEFT_OUT)
  .sort();
const read = (name) => readFileSync(join(folder, name));
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Replaces a required line. */
function fill(name, line, replacement) {
  const text = read(name).toString();
  if (!text.includes(line)) throw new Error(`${name} has no line ${JSON.stringify(line)}`);
  writeFileSync(join(folder, name), text.replace(line, () => replacement));
}

const whole = createHash("sha256");
for (const name of [...names, LEFT_OUT]) whole.update(`${name}\0${digest(read(name))}\0`);
const build = whole.digest("hex").slice(0, 16);

const line = 'const BUILD = "development";';
fill("boot.js", line, `const BUILD = "${build}";`);
fill(LEFT_OUT, line, `const BUILD = "${build}";`);
const files = Object.fromEntries(names.map((name) => [name, digest(read(name))]));
fill(LEFT_OUT, "const FILES = {};", `const FILES = ${JSON.stringify(files, null, 2)};`);

/** Readers of large formats, loaded on demand. */
const readers = names
  .filter((name) => name.endsWith("_bg.wasm"))
  .map((name) => name.slice(0, -"_bg.wasm".length))
  .filter((name) => name !== "page" && name !== "engine");
const parts = {
  page: ["index.html", "check.js", "boot.js", "embed.js", "inspection.js", "mirror.js", "engine-link.js", "remote-link.js", "page.js", "page_bg.wasm"],
  engine: ["worker.js", "network-link.js", "reader-link.js", "shard-link.js", "engine.js", ...readers.map((name) => `${name}.js`), "engine_bg.wasm"],
  api: ["glasshouse.js", "lens.js", "lens-drawings.js", "lens-style.js", "lens-tables.js"],
  ...Object.fromEntries(readers.map((name) => [name, [`${name}_bg.wasm`]])),
};
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`.padStart(9);
console.log(`build ${build}`);
console.log(`${"".padEnd(18)}${"raw".padStart(9)}${"gzip".padStart(9)}${"brotli".padStart(9)}`);
let tooLarge = false;
// Brotli is slow, so files are compressed in parallel in Node's threads and the sizes of unchanged files are cached.
const [zipped, brotlied] = [promisify(gzip), promisify(brotliCompress)];
const { brotli, zlib } = process.versions;
const measured = async (name) => {
  const bytes = read(name);
  const file = join(kept, `sizes-${brotli}-${zlib}-${digest(bytes)}`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Missing or broken.
  }
  const packed = await Promise.all([bytes, zipped(bytes, { level: 9 }), brotlied(bytes)]);
  const sizes = packed.map(({ length }) => length);
  if (bytes.length > 100_000) {
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(sizes));
    renameSync(`${file}.${process.pid}`, file);
  }
  return sizes;
};
const begun = new Map(Object.values(parts).flat().map((name) => [name, measured(name)]));
for (const [part, members] of Object.entries(parts)) {
  const sum = [0, 0, 0];
  for (const name of members) {
    const sizes = await begun.get(name);
    sizes.forEach((size, at) => (sum[at] += size));
    if (sizes[0] > 100_000) console.log(`  ${name.padEnd(16)}${sizes.map(kilobytes).join("")}`);
  }
  console.log(`${part.padEnd(18)}${sum.map(kilobytes).join("")}`);
  if (sum[2] > Number(limit)) {
    console.error(`the ${part} is larger than ${kilobytes(Number(limit)).trim()} after brotli`);
    tooLarge = true;
  }
}
process.exitCode = tooLarge ? 1 : 0;
