// Starts the app in a tab: the engine's worker and the page's module in parallel, and the browser integration: crash reports, visibility,
// files, preferences and offline use.
//
// For scripts and tests there is `window.glasshouse`:
//   state()              summary of the app's state (page, device, projects, documents, training, messages); null before the first frame
//   send(command, files) sends a protocol command such as `{ command: "list_projects" }`; resolves to the events of its answer, rejects
//                        with an error with `kind` and `message`; files are Uint8Arrays, whose memory is transferred
//   follow(query)        applies a query like that of the page's address: "?page=train&preset=nanogpt-cpu&seed=1"
//   ready                resolves when the app draws and the engine has reported its device; the app then reopens the last project, so
//                        wait for state().project before creating or opening another one
//   engine               the link to the worker (engine-link.js)
//   build                the build's name; "development" without a service worker

import { followMessages } from "./embed.js";
import { compile, EngineLink } from "./engine-link.js";
import { Mirror } from "./mirror.js";
import { connect } from "./remote-link.js";
import init from "./page.js";

/** Filled in by web/build. */
const BUILD = "development";

/** First request id of scripts; the app's ids start at 1. */
const SCRIPTED = 2 ** 40;

/** Folder of the visitor's projects in the browser's storage (web/worker/src/lib.rs). */
const VISITORS = "/projects";
/** Checks and milliseconds between them, until a reloaded page's projects are free; milliseconds that the application waits at most. */
const FREE = { looks: 8, apart: 150, longest: 3000 };

const element = (id) => document.getElementById(id);
/** The project folder of a machine that serves this page for its own engine (`glasshouse open --remote`), possibly empty; else undefined. */
const remote = document.documentElement.dataset.remote;
const query = new URLSearchParams(location.search);
// Only the machine that serves the page names its folder.
query.delete("folder");
if (remote !== undefined) query.set("folder", remote);
const embedded = (new URLSearchParams(location.search).get("embed") ?? "0") !== "0";
const shelf = embedded ? shelfOf() : remote === undefined ? shelfOfVisitors() : Promise.resolve(VISITORS);
const engine = new EngineLink({ firstId: SCRIPTED, shelf, connect: remote === undefined ? undefined : (hear) => connect(hear, say) });
let page = null;
let device = "no device yet";
/** Scripts (writing systems) with requested fonts. */
const fonts = new Set();
let opened;
const drawn = new Promise((resolve) => (opened = resolve));
let spoken;
const answered = new Promise((resolve) => (spoken = resolve));

globalThis.glasshouse = {
  state: () => JSON.parse(page?.state() ?? "null"),
  send: (command, files = []) => engine.request(command, { files }),
  follow: (query) => page?.follow(query),
  ready: Promise.all([drawn, answered]),
  engine,
  build: BUILD,
};

if (embedded) followMessages(globalThis.glasshouse);

const mirror = new Mirror(element("mirror"), element("canvas"), (id, action, value) => page?.act(id, action, value));

/** Substitute for local storage if it is blocked or nothing is stored. */
const memory = new Map();
/** The resolved `shelf`. */
let place = VISITORS;
/** An embedded page's own preferences do not replace the visitor's. */
const placed = (name) => (place === VISITORS ? name : `${name} ${place}`);

/** Begins a ticket for a file that the page holds (app/src/link/files_web.rs), so that its bytes are never copied through the page. */
const HELD = new TextEncoder().encode("\0a file that the page holds\0");
/** Bytes of a file in its ticket, which show its kind. */
const HEAD = 4096;
const held = [];

/** A file's name, and a ticket or its bytes; or its name, null and the reason why it could not be read. */
async function read(file, name = file.name, whole = false) {
  try {
    const head = new Uint8Array(await (whole ? file : file.slice(0, HEAD)).arrayBuffer());
    if (head.length === file.size) return [name, head];
    const number = new Uint8Array(new Uint32Array([held.push(file) - 1]).buffer);
    return [name, Uint8Array.of(...HELD, ...number, ...head)];
  } catch (error) {
    return [name, null, error.message];
  }
}

/** The file of a ticket; other bytes unchanged. */
function redeemed(bytes) {
  if (!HELD.every((byte, at) => bytes[at] === byte)) return bytes;
  return held[new DataView(bytes.buffer, bytes.byteOffset).getUint32(HELD.length, true)] ?? bytes;
}

// The first request decides: egui smooths edges itself, and samples would double the work of a processor that draws.
element("canvas").getContext("webgl2", { antialias: false });

// Functions for the page's module; app/src/link/web/boot.rs declares the same names.
globalThis.glasshouseBoot = {
  canvas: element("canvas"),
  query: query.size > 0 ? `?${query}` : "",
  listen(hear, lose) {
    engine.listen((text, files) => {
      hearRun(text);
      hear(text, files);
    });
    engine.whenLost(({ message }) => lose(message));
  },
  send(request, files) {
    unsaved ||= request.includes('"command":"change_documents"');
    engine.send(request, files.map(redeemed));
  },
  restart: () => engine.restart(),
  opened(handle) {
    page = handle;
    element("cover").hidden = true;
    // The field that receives text input for the canvas.
    document.querySelector("#canvas ~ input")?.setAttribute("aria-label", "Keyboard input");
    element("canvas").focus();
    opened();
  },
  failed: (why) => refuse("Glasshouse could not draw its page", [`The browser says: ${why}`], why),
  panicked: died,
  saveFile(name, bytes) {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([bytes]));
    anchor.download = name;
    anchor.click();
    if (name.endsWith(".glasshouse")) unsaved = false;
    setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
  },
  pickFiles(accept, several, whole) {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept, multiple: several });
    return new Promise((resolve, reject) => {
      input.addEventListener("cancel", () => resolve([]));
      input.addEventListener("change", () => {
        Promise.all([...input.files].map((file) => read(file, file.name, whole))).then(resolve, reject);
      });
      input.click();
    });
  },
  /** Updates the accessible elements. Deferred, because the app calls this during a frame and must not be re-entered. */
  mirror(change) {
    queueMicrotask(() => mirror.update(JSON.parse(change)));
  },
  wantFont(script) {
    if (fonts.has(script)) return;
    fonts.add(script);
    fetch(`./fonts/${script}.ttf`)
      .then(async (answer) => {
        if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
        page.add_font(script, new Uint8Array(await answer.arrayBuffer()));
      })
      .catch((error) => {
        console.warn(`the ${script} font did not come: ${error.message}`);
        fonts.delete(script);
      });
  },
  recall(name) {
    try {
      return memory.get(name) ?? localStorage.getItem(placed(name)) ?? localStorage.getItem(name) ?? undefined;
    } catch {
      return memory.get(name);
    }
  },
  keep(name, text) {
    try {
      if (place === null) throw new Error("nothing is stored");
      localStorage.setItem(placed(name), text);
    } catch {
      memory.set(name, text);
    }
  },
};

/** Handles the engine's `ready` event. */
function meet(ready) {
  device = `${ready.device.name} (${ready.device.kind}), storage: ${ready.storage.place}`;
  lasting &&= ready.storage.lasting;
  spoken(ready);
}

// ---- A run in training --------------------------------------------------------------------------------------------------

/** `TrainingState` of the protocol. */
let training = "idle";
/** Whether a run or a text of this visit was not exported in a project's file. */
let unsaved = false;
/** Whether the browser promised to keep the projects. */
let lasting = true;
/** The promise of a wake lock. */
let awake = null;

/** Follows the events of a run, and the engine's `ready`. */
function hearRun(text) {
  const kind = /"event":"(ready|training_started|training_state|training_ended)"/.exec(text.slice(0, 200))?.[1];
  if (!kind) return;
  if (kind === "ready") meet(JSON.parse(text).event);
  else if (kind === "training_started") training = "running";
  else if (kind === "training_ended") training = "idle";
  else training = JSON.parse(text).event.state;
  unsaved ||= kind === "training_started";
  stayAwake();
}

/** Keeps the screen on while a run trains in a visible page; browsers release the lock of a hidden one. */
function stayAwake() {
  const wanted = (training === "running" || training === "preparing") && document.visibilityState === "visible";
  if (wanted) {
    // Refused if the battery is low.
    awake ??= navigator.wakeLock?.request("screen").catch(() => null) ?? null;
  } else {
    awake?.then((lock) => lock?.release());
    awake = null;
  }
}

addEventListener("beforeunload", (event) => {
  const isDead = engine.lost !== null || !element("notice").hidden;
  if (!embedded && remote === undefined && !isDead && (training !== "idle" || (unsaved && !lasting))) event.preventDefault();
});

// ---- When something dies ------------------------------------------------------------------------------------------------

/** A diagnostic report without user data. */
function report(what) {
  return [
    `Glasshouse ${BUILD}`,
    `${navigator.userAgent}`,
    `device: ${device}`,
    `page: ${innerWidth}×${innerHeight} at ${devicePixelRatio}, WebGPU ${navigator.gpu ? "there" : "missing"}`,
    `time: ${new Date().toISOString()}`,
    "",
    what,
  ].join("\n");
}

async function copy(text, button, field) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without clipboard permission, select the text for copying by keyboard.
    getSelection().selectAllChildren(field);
    button.textContent = "Selected: press Ctrl+C";
  }
}

/** Covers the page with an error, a way to continue and a report to copy. */
function refuse(title, texts, what) {
  const box = globalThis.glasshouseRefuse(title, texts);
  const field = document.createElement("pre");
  field.textContent = report(what);
  const again = document.createElement("button");
  again.className = "first";
  again.textContent = "Start again";
  again.addEventListener("click", () => location.reload());
  const copying = document.createElement("button");
  copying.textContent = "Copy report";
  copying.addEventListener("click", () => copy(field.textContent, copying, field));
  box.append(again, " ", copying, field);
  again.focus();
}

function died(what) {
  refuse(
    "The page stopped",
    [
      "The page crashed. Your project is safe up to its last checkpoint, and training can be resumed from there.",
      "Start again, and please send us the report below, so that we can fix the problem.",
    ],
    what,
  );
}

// The run ended with it.
engine.whenLost(() => {
  training = "idle";
  stayAwake();
});

// Once it draws, the app itself reports the loss and starts another worker.
engine.whenLost(({ message }) => {
  if (!page) refuse("The engine could not be started", [message], message);
});

// ---- Browser integration --------------------------------------------------------------------------------------------------

/**
 * Shows a message at the bottom of the page, with a button for each of `actions`; pressing one closes it. Returns the message: `text` can be
 * changed, and `remove()` closes it.
 */
function say(text, actions = {}) {
  const [bar, line, words] = [element("bar"), document.createElement("div"), document.createElement("span")];
  const remove = () => {
    line.remove();
    bar.hidden = bar.childElementCount === 0;
  };
  words.textContent = text;
  line.append(words);
  for (const [name, act] of Object.entries(actions)) {
    const button = document.createElement("button");
    button.textContent = name;
    button.addEventListener("click", () => {
      remove();
      act();
    });
    line.append(button);
  }
  bar.append(line);
  bar.hidden = false;
  return { set text(text) { words.textContent = text; }, remove };
}

/** All dropped files, including those in folders. Folder paths distinguish files of the same name. */
async function filesOf(entries) {
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      found.push([entry.fullPath.slice(1), await new Promise((resolve, reject) => entry.file(resolve, reject))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // Browsers return at most a hundred entries per call.
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const inner of some) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  const times = new Map();
  for (const [, { name }] of found) times.set(name, (times.get(name) ?? 0) + 1);
  const name = ([path, file]) => (times.get(file.name) > 1 ? path.replaceAll("/", "-") : file.name);
  return Promise.all(found.map((one) => read(one[1], name(one))));
}

// Dropped files and folders. egui would read the files as a whole, and no folders.
document.addEventListener(
  "drop",
  (event) => {
    const { items, files } = event.dataTransfer;
    if (files.length === 0) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    element("canvas").dispatchEvent(new DragEvent("dragleave"));
    const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    (entries.length > 0 ? filesOf(entries) : Promise.all([...files].map((file) => read(file)))).then(
      (files) => page?.drop_files(files),
      (error) => say(`The folder could not be read: ${error.message}`, { Close: () => {} }),
    );
  },
  { capture: true },
);

/** A hidden tab lets the engine use the machine without regard to responsiveness. */
function tellVisibility() {
  const visible = document.visibilityState === "visible";
  stayAwake();
  engine.request({ command: "visible", visible }).catch(() => {});
}

// ---- Where an embedded page's projects are ------------------------------------------------------------------------------

/** Whether the surrounding page is of another origin. */
function isForeign() {
  try {
    return parent.document === undefined;
  } catch {
    return true;
  }
}

/** Name of the lock on the projects of a folder: one embedded page holds it alone, or the application's tabs together. */
function frameLock(folder) {
  return `glasshouse-frame:${folder}`;
}

/**
 * The folder of the application's projects. An embedded page that uses them and trains nothing is asked to leave; one that stays delays the
 * application by `FREE.longest`.
 */
async function shelfOfVisitors() {
  try {
    const name = frameLock(VISITORS);
    await new Promise((resolve, reject) => {
      const channel = new BroadcastChannel(name);
      const ask = () => channel.postMessage("leave");
      // Again and again: an embedded page that is just loading does not listen yet.
      const asking = setInterval(ask, FREE.apart);
      const done = (end) => {
        clearInterval(asking);
        end();
      };
      const hold = () => {
        done(resolve);
        // Until the page is closed.
        return new Promise(() => {});
      };
      navigator.locks.request(name, { mode: "shared" }, hold).catch((error) => done(() => reject(error)));
      ask();
      setTimeout(() => done(resolve), FREE.longest);
    });
  } catch {
    // No locks, or none for this page.
  }
  return VISITORS;
}

/** Loads an embedded page again when the application needs its projects, so that it finds others. */
function leaveWhenAsked() {
  new BroadcastChannel(frameLock(VISITORS)).onmessage = () => {
    if (training === "idle") location.reload();
  };
}

/** Reserves the projects of a folder for this page; returns whether no other page uses them. */
async function claim(folder) {
  try {
    const { held } = await navigator.locks.query();
    if (held.some(({ name }) => name.startsWith(`glasshouse-project:${folder}/`))) return false;
    return await new Promise((resolve, reject) => {
      const hold = (lock) => {
        resolve(lock !== null);
        // Until the page is closed.
        return lock && new Promise(() => {});
      };
      navigator.locks.request(frameLock(folder), { ifAvailable: true }, hold).catch(reject);
    });
  } catch {
    // No locks, or none for this page.
    return true;
  }
}

/**
 * The folder of an embedded page's projects: the visitor's own, unless another tab uses them, and not in a page of another origin, which must
 * not learn of them. Else a folder for embedded pages; null if that is in use as well, so that nothing is stored.
 */
async function shelfOf() {
  const foreign = isForeign();
  const around = location.ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
  const own = foreign ? `/frames/${(around || "unknown").replace(/[^a-z0-9]+/gi, "-")}` : "/frames/own";
  for (const folder of foreign ? [own] : [VISITORS, own]) {
    // A page that was just closed or reloaded may use them for a moment.
    for (let look = 0; look < FREE.looks; look += 1) {
      if (await claim(folder)) {
        if (folder === VISITORS) leaveWhenAsked();
        return folder;
      }
      await new Promise((resolve) => setTimeout(resolve, FREE.apart));
    }
  }
  return null;
}

// ---- Projects by the address --------------------------------------------------------------------------------------------

/** Maximum size in bytes of a project file from a URL. */
const MAX_FILE_BYTES = 1e9;
/** Maximum length in characters of a model in a link; every browser accepts URLs of this length. */
const MAX_LINK_CHARACTERS = 1e6;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Fetches a project file. Stops at the size limit, whatever length the server declares. `onBytes` is told how many of how many came. */
async function file(address, { signal, onBytes } = {}) {
  const response = await fetch(address, { signal });
  if (!response.ok) throw new Error(`its server answers ${response.status}`);
  const tooLarge = new Error(`it is larger than ${MAX_FILE_BYTES / 1e9} GB; save it, and choose it by Open a project file`);
  const length = Number(response.headers.get("content-length"));
  if (length > MAX_FILE_BYTES) throw tooLarge;
  const [reader, parts] = [response.body.getReader(), []];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > MAX_FILE_BYTES) {
      await reader.cancel();
      throw tooLarge;
    }
    parts.push(value);
    onBytes?.(bytes, length);
  }
  return new Blob(parts);
}

/** Removes a project parameter from the page's address, so that a reload creates no second copy. */
function forget() {
  const here = new URL(location.href);
  here.searchParams.delete("project");
  here.searchParams.delete("receive");
  here.hash = "";
  history.replaceState(null, "", here);
}

/** Asks before opening a project, because links are untrusted. `fetched` returns the file. */
function offer(text, name, fetched) {
  say(text, { Open: () => take(text, name, fetched), "Leave it": forget });
}

/** Fetches and opens a project. The address keeps it until it is open, so that a reload asks again. */
async function take(text, name, fetched) {
  const stop = new AbortController();
  const message = say(`${name} is being opened.`, {
    Cancel: () => {
      stop.abort();
      offer(text, name, fetched);
    },
  });
  const onBytes = (bytes, length) => {
    message.text = `${name} is being fetched: ${megabytes(bytes)}${length > 0 ? ` of ${megabytes(length)}` : ""}.`;
  };
  const sent = (request) => {
    message.text = `${name} is being unpacked.`;
    stop.signal.addEventListener("abort", () => engine.request({ command: "cancel", request }).catch(() => {}));
  };
  try {
    const files = [await fetched({ signal: stop.signal, onBytes })];
    stop.signal.throwIfAborted();
    await engine.request({ command: "import_project", name: null, from: null }, { files, sent });
    forget();
  } catch (error) {
    if (stop.signal.aborted) return;
    say(`${name} could not be opened: ${error.message}`, { "Try again": () => take(text, name, fetched), "Leave it": forget });
  } finally {
    message.remove();
  }
}

/** The name of the file at a URL, without characters that could change how the question reads. */
function nameOf({ pathname }) {
  const last = pathname.split("/").at(-1) || pathname;
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // Malformed: shown as it is.
  }
  return name.replace(/[\p{Cc}\p{Cf}]/gu, "");
}

/** Opens a project by URL. */
function offerProject(address) {
  let from = null;
  try {
    if (address) from = new URL(address, location.href);
  } catch {
    // Named below.
  }
  if (!["http:", "https:"].includes(from?.protocol)) {
    const advice = "it must begin with https://, or be the path of a file on this site";
    const at = address ? `a project at ${address}, which is not a valid URL` : "a project without its URL";
    say(`The link refers to ${at}: ${advice}.`, { "Leave it": forget });
    return;
  }
  const host = from.origin === location.origin ? `this site, ${from.host}` : from.host;
  const fetched = (options) => file(from, options);
  offer(`The link asks to fetch the project ${nameOf(from)} from ${host} and to open it here.`, `The project at ${from}`, fetched);
}

/** Opens a model from the address: a project file in base64 after `#m=`. */
function offerLinked(text) {
  if (text.length > MAX_LINK_CHARACTERS) {
    say(`The link is longer than ${MAX_LINK_CHARACTERS / 1000} kB, too long for a model in a link; ask for the project's file.`, { "Leave it": forget });
    return;
  }
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    say("The model in this link is damaged: the link was truncated or changed. Ask for a new link.", { "Leave it": forget });
    return;
  }
  const size = `${(bytes.length / 1000).toFixed(0)} kB`;
  offer(`The link contains a model of ${size}. Open it as a project here?`, "The model in the link", () => new Blob([bytes]));
}

/** Opens a model sent by the opener, a shared model's page (web/share/page.js). */
function offerHanded() {
  if (!opener) {
    say("The page of the model was closed; open the model again from that page.", { Close: forget });
    return;
  }
  const hear = ({ source, origin, data }) => {
    if (source !== opener || data?.glasshouse !== 1 || data.type !== "project") return;
    removeEventListener("message", hear);
    const { bytes } = data;
    if (!(bytes instanceof Uint8Array) || bytes.byteLength > MAX_FILE_BYTES) {
      say("The other page sent a file that is not a project or is too large.", { Close: forget });
      return;
    }
    // A page opened as a file has no origin.
    const from = origin === "null" ? "Another page" : new URL(origin).host;
    const size = `${(bytes.byteLength / 1e6).toFixed(1)} MB`;
    offer(`${from} hands over a model of ${size}. Open it as a project here?`, "The model", () => new Blob([bytes]));
  };
  addEventListener("message", hear);
  opener.postMessage({ glasshouse: 1, type: "ready" }, "*");
}

/** Loads the sample project for visitors without a project; optional. */
async function offerSample() {
  const events = await engine.request({ command: "list_projects" });
  // A visitor who left early has stored a part of the sample.
  if (events.find(({ event }) => event === "projects").projects.some(({ problem }) => !problem)) return;
  try {
    page.offer_sample(new Uint8Array(await (await file("sample.glasshouse")).arrayBuffer()));
  } catch (error) {
    console.warn(`the sample project did not come: ${error.message}`);
  }
}

/** Registers the service worker for offline use. A newer version is installed on request. */
async function workOffline() {
  const { serviceWorker } = navigator;
  if (BUILD === "development" || remote !== undefined || !serviceWorker) return;
  let reloading = false;
  const first = !serviceWorker.controller;
  serviceWorker.addEventListener("controllerchange", () => {
    if (first) return;
    if (reloading) location.reload();
    else say("Another tab activated a new version of Glasshouse.", { Reload: () => location.reload() });
  });
  const offer = (waiting) =>
    say("A new version of Glasshouse is ready.", {
      Reload: () => {
        reloading = true;
        waiting.postMessage("take over");
      },
    });
  const registration = await serviceWorker.register("service-worker.js");
  if (registration.waiting && serviceWorker.controller) offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => {
      if (coming.state === "installed" && serviceWorker.controller) offer(coming);
    });
  });
}

async function boot() {
  engine.start();
  const module = await compile(new URL("page_bg.wasm", import.meta.url), (bytes) => {
    element("progress").textContent = `Glasshouse is loading: ${megabytes(bytes)}`;
  });
  // The page reads its preferences first.
  place = await shelf;
  if (place === null) say("Other frames use the stored projects: nothing that is made in this one is kept.", { Close: () => {} });
  await init({ module_or_path: module });
  document.addEventListener("visibilitychange", tellVisibility);
  await globalThis.glasshouse.ready;
  tellVisibility();
  // Before the project from the address, which must be opened last.
  if (remote === undefined) await offerSample();
  const wish = new URLSearchParams(location.search);
  if (wish.has("project")) offerProject(wish.get("project"));
  else if (location.hash.startsWith("#m=")) offerLinked(location.hash.slice(3));
  else if (wish.has("receive")) offerHanded();
}

boot().catch((error) => {
  // The panic handler has already reported it.
  if (element("notice").hidden) {
    refuse("Glasshouse could not be loaded", ["A part of it failed to load or to start."], String(error?.stack ?? error));
  }
});
// The page loads first; files for offline use are fetched afterwards. Browsers may ask the visitor whether to keep the projects, and answer
// late or never, so that comes last.
globalThis.glasshouse.ready
  .then(workOffline)
  .catch((error) => console.warn(`Glasshouse will not work offline: ${error.message}`))
  .then(() => embedded || remote !== undefined || (navigator.storage?.persist?.() ?? true))
  .then((kept) => (lasting &&= kept))
  .catch((error) => console.warn(`the browser was not asked to keep the projects: ${error.message}`));
