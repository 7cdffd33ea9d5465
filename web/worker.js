// The engine's worker: starts the WebAssembly engine from a module that the page compiled, and carries messages.
//
// To here: { module, threads, keep } once, then { request, files } (the protocol's JSON and Uint8Arrays), { configure, id } and { ping }.
// From here: { report, files, request } (the number of the request that it answers, if any), { configured, id, error }, { pong } or { pulse } as signs of life, and { panic } or { failed } as the last word.

import init, { Engine, configure } from "./engine.js";
import "./network-link.js";
import "./reader-link.js";
import "./shard-link.js";

/** What came before the engine was there. */
let early = [];
let engine = null;
let dead = false;

// The engine's panic hook calls it: afterwards its memory can be in any state, so nothing more is passed to it.
globalThis.enginePanicked = (report) => {
  dead = true;
  postMessage({ panic: report });
};

// In the middle of work that gives messages no turn, pings among them.
globalThis.enginePulse = () => postMessage({ pulse: true });

function post(report, files, request) {
  postMessage({ report, files, request }, files.map((file) => file.buffer));
}

/** A run's settings need no session: the engine's own presets, with what was asked for put in. */
function answer({ configure: wish, id }) {
  try {
    postMessage({ configured: JSON.parse(configure(wish)), id });
  } catch (error) {
    postMessage({ configured: null, id, error: error.message ?? String(error) });
  }
}

function receive(data) {
  if (dead) return;
  if (data.configure) {
    answer(data);
    return;
  }
  const { request, files } = data;
  try {
    engine.receive(request, files);
  } catch (error) {
    if (dead) return;
    const message = `the engine does not know this request: ${error.message ?? error}`;
    const failed = { event: "failed", error: { kind: "invalid", message } };
    const { id } = JSON.parse(request);
    post(JSON.stringify(Number.isInteger(id) ? { request: id, event: failed } : { event: failed }), [], id);
  }
}

/** For an engine that keeps nothing: without the browser's private files its projects are in memory. */
function hideStorage() {
  const getDirectory = () => Promise.reject(new DOMException("nothing is to be kept", "SecurityError"));
  if (navigator.storage) Object.defineProperty(navigator.storage, "getDirectory", { value: getDirectory });
}

async function start({ module, threads, keep }) {
  if (!keep) hideStorage();
  try {
    await init({ module_or_path: module });
    engine = new Engine(post, threads);
  } catch (error) {
    postMessage({ failed: String(error?.message ?? error) });
    return;
  }
  early.forEach(receive);
  early = null;
}

addEventListener("message", ({ data }) => {
  if (data.module) start(data);
  else if (data.ping) postMessage({ pong: data.ping });
  else if (engine) receive(data);
  else early.push(data);
});
