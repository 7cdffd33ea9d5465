// Readers of large formats for the engine: modules loaded with the first such file (the service worker caches them for offline use). The
// engine calls them synchronously and cannot await a promise, so everything here is synchronous, which workers allow.

import * as encodings from "./encodings.js";
import * as pages from "./pages.js";
import * as parquet from "./parquet.js";
import * as pdf from "./pdf.js";
import * as tasks from "./tasks.js";
import * as templates from "./templates.js";

const readers = {
  encodings: { title: "rare encodings", glue: encodings },
  pages: { title: "web pages", glue: pages },
  parquet: { title: "Parquet", glue: parquet },
  pdf: { title: "PDF", glue: pdf },
  tasks: { title: "generated rows", glue: tasks },
  templates: { title: "chat templates", glue: templates },
};
const readings = new Map();
const compiled = new Map();
let last = 0;

/** A file of this folder, or one contained in a shared model's page (web/share/boot.js). */
function fetched(file) {
  const own = globalThis.glasshouseBundle?.files.get(file);
  if (own) return own;
  const request = new XMLHttpRequest();
  request.open("GET", new URL(file, import.meta.url), false);
  request.responseType = "arraybuffer";
  try {
    request.send();
  } catch {
    throw new Error("could not be loaded; connect to the network and try again");
  }
  if (request.status !== 200) throw new Error(`could not be loaded: the server answers ${request.status}`);
  return request.response;
}

function load(name, reader) {
  let bytes;
  try {
    bytes = fetched(`${name}_bg.wasm`);
  } catch (error) {
    throw new Error(`its reader ${error.message}`);
  }
  reader.glue.initSync({ module: new WebAssembly.Module(bytes) });
  reader.loaded = true;
}

/** Calls a module. Rejected input is an `Error` with a reason; after any other exception the module is not used again: its memory may be corrupt. */
function guarded(name, call) {
  const reader = readers[name];
  if (reader.failed) throw new Error(`the reader of ${reader.title} broke on an earlier file; reload the page to try this one`);
  if (!reader.loaded) load(name, reader);
  try {
    return call(reader.glue);
  } catch (error) {
    // The module's own errors are plain `Error`s; traps and stack overflows have other classes.
    if (error.constructor === Error) throw error;
    reader.failed = true;
    for (const [number, reading] of readings) if (reading.name === name) readings.delete(number);
    throw new Error("its reader broke on it: there was too little memory, or the file contradicts itself");
  }
}

globalThis.readerBegin = (name, question, file) =>
  guarded(name, ({ Reading }) => {
    last += 1;
    readings.set(last, { name, reading: new Reading(question, file) });
    return last;
  });

globalThis.readerNext = (number) => {
  const { name, reading } = readings.get(number) ?? {};
  if (!name) throw new Error("its reader broke on an earlier file; reload the page to try this one");
  return guarded(name, () => reading.next_lines());
};

globalThis.readerEnd = (number) => {
  readings.get(number)?.reading.free();
  readings.delete(number);
};

globalThis.readerTemplate = (...given) =>
  guarded("templates", ({ Template }) => {
    last += 1;
    compiled.set(last, new Template(...given));
    return last;
  });

globalThis.readerChat = (number, ...given) => guarded("templates", () => compiled.get(number).text(...given));

globalThis.readerExample = (number, ...given) => guarded("templates", () => compiled.get(number).example(...given));

globalThis.readerTask = (...given) =>
  guarded("templates", ({ Task }) => {
    const task = Task.find(...given);
    if (!task) return 0;
    last += 1;
    compiled.set(last, task);
    return last;
  });

globalThis.readerTaskSet = (number) => guarded("templates", () => compiled.get(number).set());

globalThis.readerTaskRow = (number, row) => guarded("templates", () => compiled.get(number).row(row));

globalThis.readerTemplateEnd = (number) => {
  if (!readers.templates.failed) compiled.get(number)?.free();
  compiled.delete(number);
};

globalThis.readerPage = (settings, html) => guarded("pages", ({ page }) => page(settings, html));

globalThis.readerGuess = (bytes) => guarded("encodings", ({ guess }) => guess(bytes));

globalThis.readerDecode = (encoding, bytes) => guarded("encodings", ({ decode }) => decode(encoding, bytes));

globalThis.readerRows = (name, objective, split, count) => guarded("tasks", ({ rows }) => rows(name, objective, split, count));

/** The template of a shared model's page, with this page's address, to which it can send its model back. */
globalThis.readerTemplateOfPages = (name) => {
  const home = JSON.stringify(new URL(".", import.meta.url).href);
  return new TextDecoder().decode(fetched(name)).replace('id="home">null<', () => `id="home">${home}<`);
};
