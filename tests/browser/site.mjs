// A built web app (dist/) on a small static server, and tabs of a real Chromium in it. Nothing special is sent with the files: any
// static server will do for users, so it must for the tests.

import { createReadStream, readFileSync, statSync } from "node:fs";
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

/**
 * Parts in which the first half of a file comes that stalls, and milliseconds between them. The engine tells how far a transfer is when bytes
 * come, and at most every 100 ms: of a half that came at once nothing would be told.
 */
const PARTS = { count: 4, apart: 250 };

/** Sends the first half of a file, bit by bit, and then nothing more. */
async function sendHalf(response, file) {
  const half = readFileSync(file).subarray(0, Math.floor(statSync(file).size / 2));
  const part = Math.ceil(half.length / PARTS.count);
  for (let at = 0; at < half.length; at += part) {
    // Whoever asked may be gone by now.
    if (response.destroyed) return;
    response.write(half.subarray(at, at + part));
    await new Promise((resolve) => setTimeout(resolve, PARTS.apart));
  }
}

/**
 * Serves what `where` names at http://localhost, with `headers` also where there is no such file: a page of another site hears of that
 * only with them. Resolves to the server and its address. Of a file that `stalls` says yes to, by its path and the answer, the first half
 * comes, and then nothing more.
 */
export async function serve(where, headers = {}, stalls = () => false) {
  const server = createServer((request, response) => {
    const folder = where();
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = join(folder, normalize(path), path.endsWith("/") ? "index.html" : "");
    let size;
    try {
      const found = statSync(file);
      if (!found.isFile() || !file.startsWith(folder)) throw new Error("no file");
      size = found.size;
    } catch {
      response.writeHead(404, headers).end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-length": size,
    });
    if (request.method === "GET" && stalls(path, response)) {
      sendHalf(response, file);
      return;
    }
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `http://localhost:${server.address().port}/` };
}

/** Tests that share one server and one Chromium, each in a profile of its own. */
export class Site {
  #profiles = [];

  static async open(folder, options) {
    const site = new Site();
    site.folder = folder;
    Object.assign(site, await serve(() => site.folder));
    site.browser = await launch(options);
    return site;
  }

  /** A fresh profile: nothing stored, no service worker. */
  async profile(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(60_000);
    this.#profiles.push(context);
    return context;
  }

  /** Closes every profile: each test begins as a first visit. */
  async closeProfiles() {
    // Those of a browser that was lost are closed already.
    const lost = (error) => {
      if (this.browser.isConnected()) throw error;
    };
    await Promise.all(this.#profiles.splice(0).map((context) => context.close().catch(lost)));
  }

  /** A tab whose app draws and whose engine has answered; a project is open in it, on a first visit the sample. */
  async tab(context, query = "", { project = true } = {}) {
    const page = await context.newPage();
    page.problems = [];
    page.on("console", (message) => {
      if (message.type() === "error") page.problems.push(message.text());
    });
    page.on("pageerror", (error) => page.problems.push(String(error)));
    await page.goto(this.address + query);
    await ready(page);
    if (project) await until(page, ({ project }) => project, "a project to be open");
    return page;
  }

  async close() {
    await this.browser?.close();
    this.server.close();
  }
}

/** A page of the site's origin without the app, for scripts. */
export async function plain(site, options) {
  const context = await site.profile({ serviceWorkers: "block", ...options });
  await context.route("**/plain", (route) => route.fulfill({ body: "<!doctype html>", contentType: "text/html" }));
  const page = await context.newPage();
  await page.goto(`${site.address}plain`);
  await page.evaluate(async (address) => {
    globalThis.Glasshouse = (await import(`${address}glasshouse.js`)).Glasshouse;
    globalThis.tiny = {
      preset: "nanogpt-cpu",
      config: {
        model: { layers: 1, width: 32, heads: 2, kv_heads: 2, context_length: 32 },
        train: { batch_size: 4, eval_batches: 2 },
      },
      text: "The quick brown fox jumps over the lazy dog. ".repeat(400),
      seed: 3,
    };
  }, site.address);
  return page;
}

/** Waits until the app of a tab draws and its engine has answered. */
export async function ready(page) {
  await page.waitForFunction(() => globalThis.glasshouse !== undefined);
  await page.evaluate(async () => {
    await globalThis.glasshouse.ready;
  });
}

/** A run's settings: a decoder so small that a step takes milliseconds, on a little of the embedded corpus. */
export function tiny(page, steps, more = {}) {
  const config = {
    data: { corpus_bytes: 60_000 },
    model: { layers: 1, width: 32, heads: 2, kv_heads: 2, context_length: 32 },
    train: { batch_size: 4, eval_batches: 2, eval_interval: 10, checkpoint_interval: 10, ...more },
  };
  const wish = { preset: "nanogpt-cpu", steps, seed: 5, config };
  return page.evaluate((wish) => globalThis.glasshouse.engine.configure(wish), wish);
}

/** The losses of the steps in a training's events, by step. */
export function losses(events) {
  const happened = events.filter(({ event }) => event === "training").flatMap(({ events }) => events);
  return Object.fromEntries(happened.filter(({ event }) => event === "step").map(({ step, loss }) => [step, loss]));
}

/** Sends a protocol command from a tab; resolves to the events that answer it, without their files. */
export function send(page, command) {
  return page.evaluate((command) => globalThis.glasshouse.send(command), command);
}

/** The event of a kind among answers. */
export const event = (events, kind) => events.findLast((found) => found.event === kind);

/** What a promise comes to, which must be within some seconds. */
export function within(promise, what, seconds = 30) {
  let timer;
  const end = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${seconds} s in vain for ${what}`)), seconds * 1000);
  });
  return Promise.race([promise, end]).finally(() => clearTimeout(timer));
}

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
