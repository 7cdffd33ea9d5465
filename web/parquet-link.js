// Parquet for the engine: a module that is loaded with the first such file (the service worker keeps it for use without a network).
// The engine calls from the middle of its work and
// cannot wait for a promise, so all of this is synchronous, which a worker may be.

import { Reading, initSync } from "./parquet.js";

let loaded = false;
/** Once its code has failed, its memory can be in any state. */
let failed = false;
const readings = new Map();
let last = 0;

function load() {
  const request = new XMLHttpRequest();
  request.open("GET", new URL("parquet_bg.wasm", import.meta.url), false);
  request.responseType = "arraybuffer";
  try {
    request.send();
  } catch {
    throw new Error("its reader could not be loaded; connect to the network and try again");
  }
  if (request.status !== 200) throw new Error(`its reader could not be loaded: the server answers ${request.status}`);
  initSync({ module: new WebAssembly.Module(request.response) });
  loaded = true;
}

/** Calls the module. What it refuses is an `Error` with a reason; anything else is its end. */
function guarded(call) {
  if (failed) throw new Error("the reader of Parquet broke on an earlier file; reload the page to try this one");
  if (!loaded) load();
  try {
    return call();
  } catch (error) {
    // The module's own refusals are plain errors; a trap or an overflow of the stack is of another kind.
    if (error.constructor === Error) throw error;
    failed = true;
    readings.clear();
    throw new Error("its reader broke on it: there was too little memory, or the file contradicts itself");
  }
}

globalThis.parquetBegin = (question, file) =>
  guarded(() => {
    last += 1;
    readings.set(last, new Reading(question, file));
    return last;
  });

globalThis.parquetNext = (number) => guarded(() => readings.get(number).next_lines());

globalThis.parquetEnd = (number) => {
  const reading = readings.get(number);
  readings.delete(number);
  if (!failed) reading?.free();
};
