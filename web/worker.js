// The engine's worker: starts the WebAssembly engine from a module compiled by the page, and passes messages.
//
// Receives { module, threads, shelf } once, then { request, files } (the protocol's JSON, and Uint8Arrays or Blobs), { configure, id }
// and { ping }.
// Sends { report, files, request } (`request` is the id of the answered request, if any), { configured, id, error }, { pong } or { pulse } as
// signs of life, and { panic, stack } or { failed } as the last message.

import init, { Engine, configure } from "./engine.js";
import "./network-link.js";
import "./reader-link.js";
import "./shard-link.js";

// Panics: V8 keeps ten frames otherwise, most of them the panic's own.
Error.stackTraceLimit = 50;

/** Messages received before the engine has started. */
let early = [];
let engine = null;
let dead = false;

// Called by the engine's panic hook. Its memory may be corrupt afterwards, so it receives no more messages.
globalThis.enginePanicked = (report) => {
  dead = true;
  postMessage({ panic: report, stack: new Error().stack });
};

// Called during long synchronous work, which blocks messages including pings.
globalThis.enginePulse = () => postMessage({ pulse: true });

function post(report, files, request) {
  postMessage({ report, files, request }, files.map((file) => file.buffer));
}

/** Computes a run's settings, which needs no session. */
function answer({ configure: wish, id }) {
  try {
    postMessage({ configured: JSON.parse(configure(wish)), id });
  } catch (error) {
    postMessage({ configured: null, id, error: error.message ?? String(error) });
  }
}

/** A file's bytes. Blobs are read here, so that their bytes are never in the page, and at once, so that requests stay in order. */
function bytesOf(file) {
  if (!(file instanceof Blob)) return file;
  try {
    return new Uint8Array(new FileReaderSync().readAsArrayBuffer(file));
  } catch (error) {
    throw Object.assign(new Error(`cannot read ${file.name ?? "the file"}: ${error.message}; choose it again`), { kind: "io" });
  }
}

/** Reports that a request failed before the engine took it. `id` is undefined if the request has none. */
function fail(id, kind, message) {
  const event = { event: "failed", error: { kind, message } };
  post(JSON.stringify(id === undefined ? { event } : { request: id, event }), [], id);
}

function receive(data) {
  if (dead) return;
  if (data.configure !== undefined) {
    answer(data);
    return;
  }
  let id;
  try {
    const { id: given } = JSON.parse(data.request);
    if (Number.isSafeInteger(given) && given >= 0) id = given;
    engine.receive(data.request, data.files.map(bytesOf));
  } catch (error) {
    // A panic is reported by itself.
    if (!dead) fail(id, error.kind ?? "invalid", error.kind ? error.message : `the engine does not know this request: ${error.message ?? error}`);
  }
}

/** Blocks the browser's private file system, so that projects exist only in memory. */
function hideStorage() {
  const getDirectory = () => Promise.reject(new DOMException("nothing is to be kept", "SecurityError"));
  if (navigator.storage) Object.defineProperty(navigator.storage, "getDirectory", { value: getDirectory });
}

async function start({ module, threads, shelf }) {
  if (shelf === null) hideStorage();
  try {
    await init({ module_or_path: module });
    engine = new Engine(post, threads, shelf);
  } catch (error) {
    postMessage({ failed: String(error?.message ?? error) });
    return;
  }
  early.forEach(receive);
  early = null;
}

addEventListener("message", ({ data }) => {
  if (typeof data !== "object" || data === null) fail(undefined, "invalid", "a message to the engine must be an object");
  else if (data.module) start(data);
  else if (data.ping) postMessage({ pong: data.ping });
  else if (engine) receive(data);
  else early.push(data);
});
