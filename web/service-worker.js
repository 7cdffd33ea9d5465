// Keeps one whole version of Glasshouse, so that it works without a network after the first visit.
//
// A version is a set of files with their digests. It is installed as a whole or not at all, and a tab that began with one
// version gets everything from that version: a newer one waits until all tabs are closed or a person asks for it.

/** Filled in by web/build: the version's name, and each file with the SHA-256 of its bytes. */
const BUILD = "development";
const FILES = {};

const PREFIX = "glasshouse-";
const CACHE = PREFIX + BUILD;
const FONTS = "fonts";
/** Which version each tab and worker began with, by the browser's names of them. */
const CLIENTS = "clients";

const address = (name) => new URL(name, registration.scope).href;

const hexadecimal = (digest) => [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Fetches a file past the browser's own cache, and refuses one of another version: a server may be in mid-change. */
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

/** Fonts never change under a name; each is kept from its first use on. */
async function font(request) {
  const cache = await caches.open(FONTS);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

const clientAddress = (id) => address(`.client/${id}`);

/** Milliseconds for which a tab may be on its way: the browser does not list it yet. */
const COMING = 60_000;

/** Notes the version that a tab or worker begins with. A browser ends and starts service workers as it likes, so it is kept. */
async function begin(id, build) {
  const cache = await caches.open(CLIENTS);
  await cache.put(clientAddress(id), Response.json({ build, at: Date.now() }));
}

/** The version that a tab or worker began with; this one, where it began before there was any. */
async function buildOf(id) {
  const kept = id && (await (await caches.open(CLIENTS)).match(clientAddress(id)));
  return kept ? (await kept.json()).build : BUILD;
}

/** Removes the versions that no tab needs any more, and what is known of tabs that are gone. */
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

/** A file as the version of whoever asks has it. A tab begins with this one's; its workers, and theirs, with the tab's. */
async function file(name, { request, clientId, resultingClientId }) {
  const build = request.mode === "navigate" ? BUILD : await buildOf(clientId);
  if (resultingClientId) await begin(resultingClientId, build);
  const kept = await (await caches.open(PREFIX + build)).match(address(name));
  if (kept) return kept;
  // A browser short of room may have thrown the files away. The server has this version's, or newer ones.
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
