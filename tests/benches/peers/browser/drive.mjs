// Runs one peer in a page of a real Chromium and prints what it measured, as one JSON line.
//
//   node drive.mjs '{ "peer": "jax.js", "options": {…}, "problem": FILE, "dist": FOLDER, "isolated": false }'
//
// A page is served with or without the headers of cross-origin isolation, which threads in WebAssembly need. WebGPU runs on
// Chromium's software adapter unless GLASSHOUSE_WEBGPU is `hardware`. Packages come from the node_modules beside this file.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const PLACES = [
  process.env.GLASSHOUSE_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
if (process.env.GLASSHOUSE_WEBGPU !== "hardware") FLAGS.push("--use-webgpu-adapter=swiftshader");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** The file of an address, or undefined. */
function lookUp(path, { problem, dist }) {
  if (path === "/problem") return problem;
  if (path.startsWith("/dist/")) return join(dist, normalize(path.slice("/dist".length)));
  return join(HERE, normalize(path));
}

function serve(wish) {
  const server = createServer((request, response) => {
    const headers = wish.isolated ? ISOLATION : {};
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    if (path === "/") {
      response.writeHead(200, { ...headers, "content-type": "text/html" }).end("<!doctype html><title>A peer</title>");
      return;
    }
    const file = lookUp(path, wish);
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, headers).end();
      return;
    }
    response.writeHead(200, { ...headers, "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Runs inside the page. */
async function measure({ peer, options }) {
  const { measure } = await import(`/${peer}`);
  return { ...(await measure(options)), isolated: globalThis.crossOriginIsolated };
}

async function main() {
  const wish = JSON.parse(process.argv[2]);
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error("no Chromium found; install one or name it in GLASSHOUSE_CHROMIUM");
  const server = await serve(wish);
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  try {
    const page = await browser.newPage();
    page.on("console", (message) => console.error(message.text()));
    await page.goto(`http://localhost:${server.address().port}/`);
    const measured = await page.evaluate(measure, wish);
    console.log(JSON.stringify({ ...measured, browser: browser.version() }));
  } finally {
    await browser.close();
    server.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(`error: ${error.message.split("\n")[0].replace("page.evaluate: ", "")}`);
  process.exitCode = 1;
}
