// Caches a complete version of Glasshouse for offline use after the first visit.
//
// A version is a set of files with their digests, installed completely or not at all. A tab that starts with a version gets all files from
// it; a newer version waits until all tabs are closed or the user requests it.

/** Filled in by web/build: name of the version, and the SHA-256 of each file. */
const BUILD = "development";
const FILES = {};

const PREFIX = "glasshouse-";
const CACHE = PREFIX + BUILD;
const FONTS = "fonts";
/** The version of each tab and worker, by client id. */
const CLIENTS = "clients";

const address = (name) => new URL(name, registration.scope).href;

const hexadecimal = (digest) => [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Fetches a file, bypassing the HTTP cache, and rejects one of another version: the server may be in the middle of an update. */
async function take(cache, [name, expected]) {
  const response = await fetch(address(name), { cache: "reload" });
  if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`);
  const copy = response.clone();
  const found = hexadecimal(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  if (found !== expected) throw new Error(`${name} is of another version`);
  await cache.put(address(name), copy);
}

async function install() {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all(Object.entries(FILES).map((file) => take(cache, file)));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

/** Fonts are immutable and cached on first use. */
async function font(request) {
  const cache = await caches.open(FONTS);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

const clientAddress = (id) => address(`.client/${id}`);

/** Milliseconds for which a new tab may be missing from the browser's list of clients. */
const COMING = 60_000;

/** Stores the version of a tab or worker; it must survive restarts of the service worker. */
async function begin(id, build) {
  const cache = await caches.open(CLIENTS);
  await cache.put(clientAddress(id), Response.json({ build, at: Date.now() }));
}

/** The version of a tab or worker; by default this one. */
async function buildOf(id) {
  const kept = id && (await (await caches.open(CLIENTS)).match(clientAddress(id)));
  return kept ? (await kept.json()).build : BUILD;
}

/** Removes versions that no tab uses, and records of closed tabs. */
async function removeOthers() {
  const cache = await caches.open(CLIENTS);
  const alive = new Set((await clients.matchAll({ type: "all", includeUncontrolled: true })).map(({ id }) => clientAddress(id)));
  const needed = new Set([CACHE]);
  for (const request of await cache.keys()) {
    const { build, at } = await (await cache.match(request)).json();
    if (alive.has(request.url) || Date.now() - at < COMING) needed.add(PREFIX + build);
    else await cache.delete(request);
  }
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && !needed.has(name)).map((name) => caches.delete(name)));
}

/** A file from the client's version. Tabs start with this version; workers inherit that of their tab. */
async function file(name, { request, clientId, resultingClientId }) {
  const build = request.mode === "navigate" ? BUILD : await buildOf(clientId);
  if (resultingClientId) await begin(resultingClientId, build);
  const kept = await (await caches.open(PREFIX + build)).match(address(name));
  if (kept) return kept;
  // The browser may have evicted the files. The server has this version or a newer one.
  return build === BUILD ? fetch(request) : Response.error();
}

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(removeOthers()));
addEventListener("message", ({ data }) => {
  if (data === "take over") skipWaiting();
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(registration.scope)) return;
  const name = url.href.slice(registration.scope.length).split(/[?#]/)[0] || "index.html";
  if (name.startsWith("fonts/")) {
    event.respondWith(font(request));
    return;
  }
  if (!(name in FILES)) return;
  event.respondWith(file(name, event));
  if (request.mode === "navigate") event.waitUntil(removeOthers());
});
