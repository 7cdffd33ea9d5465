// A real Chromium with WebGPU on its software adapter, and a page of this machine in it.
//
// WebGPU exists in secure contexts only: `about:blank` is none, http://localhost is. Hence the small server.

import { createServer } from "node:http";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = [
  process.env.GLASSHOUSE_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** SwiftShader computes the same everywhere; the rest keeps a test's browser from calling home. */
export const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Every test compiles the page anew: only the hottest functions are worth optimised code.
  "--js-flags=--wasm-tiering-budget=130000000",
];

const PAGE = "<!doctype html><meta charset=utf-8><title>Glasshouse tests</title>";

/** Starts Chromium; without `webgpu` its graphics adapter stays hidden. */
export async function launch({ webgpu = true } = {}) {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) {
    throw new Error("no Chromium found; install one or name it in GLASSHOUSE_CHROMIUM");
  }
  const args = webgpu ? FLAGS : [...FLAGS.filter((flag) => !flag.includes("webgpu")), "--disable-features=WebGPU"];
  return chromium.launch({ executablePath, headless: true, args });
}

/** Opens an empty page at http://localhost, hands it to `work`, and closes everything whatever happens. */
export async function withPage(work) {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(PAGE);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  let browser;
  try {
    browser = await launch();
    const page = await browser.newPage();
    await page.goto(`http://localhost:${server.address().port}/`);
    return await work(page, browser.version());
  } finally {
    await browser?.close();
    server.close();
  }
}
