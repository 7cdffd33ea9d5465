// Packs the engine and its scripts into the template of a shared model's page, share.html.
//
//   node pack.mjs FOLDER LIMIT KEPT     FOLDER is a build; fails if the page without weights exceeds LIMIT bytes; caches compressed files in
//                                       the folder KEPT

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

const [folder, limit, kept] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));

/** WebAssembly modules of the page, without document readers. */
const MODULES = ["templates_bg.wasm", "engine_bg.wasm"];

const read = (name) => readFileSync(name === "page.js" ? join(here, name) : join(folder, name));

/**
 * Bundles a module and its imports into one classic script: each becomes a function that returns its exports. Pages opened as files, and
 * their workers, cannot load modules by URL.
 */
function bundled(entry) {
  const done = new Set();
  const parts = [];
  const add = (name) => {
    if (done.has(name)) return;
    done.add(name);
    const exports = new Map();
    const later = [];
    const names = (list) => list.split(",").map((part) => part.trim()).filter(Boolean).map((part) => part.split(/\s+as\s+/));
    const source = read(name)
      .toString()
      .replace(/^import (?:(\w+)(?:, )?)?(?:\* as (\w+)|\{([^}]*)\})?(?: from )?"\.\/([\w-]+\.js)";$/gm, (_, main, all, list, other) => {
        add(other);
        const own = `modules[${JSON.stringify(other)}]`;
        if (all) return `const ${all} = ${own};`;
        const taken = [...(main ? [["default", main]] : []), ...names(list ?? "")].map((pair) => pair.join(": "));
        return taken.length > 0 ? `const { ${taken.join(", ")} } = ${own};` : "";
      })
      .replace(/\bimport\("\.\/([\w-]+\.js)"\)/g, (_, other) => {
        later.push(other);
        return `Promise.resolve().then(() => modules[${JSON.stringify(other)}])`;
      })
      .replace(/^export ((?:async function|function|class|const|let) (\w+))/gm, (_, declared, own) => {
        exports.set(own, own);
        return declared;
      })
      .replace(/^export \{([^}]*)\};?$/gm, (_, list) => {
        for (const [own, other = own] of names(list)) exports.set(other, own);
        return "";
      })
      .replaceAll("import.meta.url", "location.href");
    const returned = [...exports].map(([other, own]) => `${JSON.stringify(other)}: ${own}`).join(", ");
    parts.push(`modules[${JSON.stringify(name)}] = (() => {\n${source}\nreturn { ${returned} };\n})();\n`);
    later.forEach(add);
  };
  add(entry);
  const text = `"use strict";\nconst modules = {};\n${parts.join("")}`;
  // Fails if module syntax is left.
  new Script(text);
  return text;
}

/** Third-party licences; only builds for publishing have them. */
function licences() {
  try {
    return read("third-party-licenses.txt");
  } catch {
    return Buffer.from("Built from source without `web/build --notices`, which adds the licences of third parties.\n");
  }
}

/** Encodes four bytes as five base-85 digits; boot.js uses the same digits. */
function base85(bytes, digits) {
  const text = Buffer.alloc(Math.ceil(bytes.length / 4) * 5);
  const padded = Buffer.concat([bytes, Buffer.alloc(3)]);
  for (let from = 0, to = 0; from < bytes.length; from += 4, to += 5) {
    let word = padded.readUInt32BE(from);
    for (let at = 4; at >= 0; at--) {
      text[to + at] = digits.charCodeAt(word % 85);
      word = Math.floor(word / 85);
    }
  }
  const short = (4 - (bytes.length % 4)) % 4;
  return text.toString("latin1", 0, text.length - short);
}

const PACKER = `import lzma, sys
sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read(), format=lzma.FORMAT_ALONE, preset=9 | lzma.PRESET_EXTREME))`;

/** Compresses to .lzma, with the length in the header; a third smaller than gzip. Done by Python, because Node has no LZMA, and cached, because it is slow. */
function lzma(bytes) {
  const file = join(kept, `lzma-${createHash("sha256").update(bytes).digest("hex")}`);
  try {
    return readFileSync(file);
  } catch {
    const packed = execFileSync("python3", ["-c", PACKER], { input: bytes, maxBuffer: 2 * bytes.length });
    packed.writeBigUInt64LE(BigInt(bytes.length), 5);
    writeFileSync(`${file}.${process.pid}`, packed);
    renameSync(`${file}.${process.pid}`, file);
    return packed;
  }
}

const files = [
  ["page.js", Buffer.from(`${bundled("page.js")}globalThis.glasshousePage = modules["page.js"];\n`)],
  ["worker.js", Buffer.from(bundled("worker.js"))],
  ["third-party-licenses.txt", licences()],
  ...MODULES.map((name) => [name, read(name)]),
];
const index = JSON.stringify(files.map(([name, bytes]) => [name, bytes.length]));
const bundle = Buffer.concat([Buffer.from(`${index}\n`), ...files.map(([, bytes]) => bytes)]);
const boot = readFileSync(join(here, "boot.js"), "utf8");
const [, digits] = boot.match(/^const DIGITS = "(.{85})";$/m);
const hash = createHash("sha256").update(boot).digest("base64");
const policy = [
  "default-src 'none'", `script-src 'sha256-${hash}' 'wasm-unsafe-eval' blob:`, "worker-src blob:",
  "style-src 'unsafe-inline'", "img-src data:", "base-uri 'none'", "form-action 'none'",
].join("; ");
const icon = `data:image/svg+xml;base64,${read("icons/icon.svg").toString("base64")}`;
const page = readFileSync(join(here, "index.html"), "utf8")
  .replace("__POLICY__", () => policy)
  .replace("__ICON__", () => icon)
  .replace("__SCRIPT__", () => boot)
  .replace("__ENGINE__", () => base85(lzma(bundle), digits));
writeFileSync(join(folder, "share.html"), page);
console.log(`share.html: ${(page.length / 1e6).toFixed(2)} MB, a shared model's page before its weights`);
if (page.length > Number(limit)) {
  console.error(`share.html is larger than ${limit} bytes`);
  process.exitCode = 1;
}
