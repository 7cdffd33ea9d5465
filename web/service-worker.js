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

async function removeOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
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
  const kept = caches.open(CACHE).then((cache) => cache.match(address(name)));
  // A browser short of room may have thrown the files away.
  event.respondWith(kept.then((response) => response ?? fetch(request)));
});
