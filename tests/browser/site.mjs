// A built web app (dist/) on a small static server, and tabs of a real Chromium in it. Nothing special is sent with the files: any
// static server will do for users, so it must for the tests.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { launch } from "./chromium.mjs";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

/** Serves a folder at http://localhost; resolves to the server and its address. */
async function serve(folder) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = join(folder, normalize(path), path.endsWith("/") ? "index.html" : "");
    let size;
    try {
      const found = statSync(file);
      if (!found.isFile() || !file.startsWith(folder)) throw new Error("no file");
      size = found.size;
    } catch {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-length": size,
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `http://localhost:${server.address().port}/` };
}

/** Tests that share one server and one Chromium, each in a profile of its own. */
export class Site {
  static async open(folder, options) {
    const site = new Site();
    Object.assign(site, await serve(folder));
    site.browser = await launch(options);
    return site;
  }

  /** A fresh profile: nothing stored, no service worker. */
  async profile(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(60_000);
    return context;
  }

  /** A tab whose app draws and whose engine has answered. */
  async tab(context, query = "") {
    const page = await context.newPage();
    page.problems = [];
    page.on("console", (message) => {
      if (message.type() === "error") page.problems.push(message.text());
    });
    page.on("pageerror", (error) => page.problems.push(String(error)));
    await page.goto(this.address + query);
    await ready(page);
    return page;
  }

  async close() {
    await this.browser?.close();
    this.server.close();
  }
}

/** Waits until the app of a tab draws and its engine has answered. */
export async function ready(page) {
  await page.waitForFunction(() => globalThis.glasshouse !== undefined);
  await page.evaluate(async () => {
    await globalThis.glasshouse.ready;
  });
}

/** Sends a protocol command from a tab; resolves to the events that answer it, without their files. */
export function send(page, command) {
  return page.evaluate((command) => globalThis.glasshouse.send(command), command);
}

/** The event of a kind among answers. */
export const event = (events, kind) => events.findLast((found) => found.event === kind);

/** Waits until the app's state is as wanted, and returns it. */
export async function until(page, wanted, what, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const state = await page.evaluate(() => globalThis.glasshouse.state());
    if (state && wanted(state)) return state;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}; the app says ${JSON.stringify(state)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
