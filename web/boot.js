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
import init from "./page.js";

/** Filled in by web/build. */
const BUILD = "development";

/** First request id of scripts; the app's ids start at 1. */
const SCRIPTED = 2 ** 40;

const element = (id) => document.getElementById(id);
const engine = new EngineLink({ firstId: SCRIPTED });
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

if ((new URLSearchParams(location.search).get("embed") ?? "0") !== "0") followMessages(globalThis.glasshouse);

const mirror = new Mirror(element("mirror"), element("canvas"), (id, action, value) => page?.act(id, action, value));

/** Substitute for local storage if it is blocked. */
const memory = new Map();

// Functions for the page's module; app/src/link/web/boot.rs declares the same names.
globalThis.glasshouseBoot = {
  canvas: element("canvas"),
  query: location.search,
  listen(hear, lose) {
    engine.listen((text, files) => {
      if (text.includes('"event":"ready"')) meet(JSON.parse(text).event);
      hear(text, files);
    });
    engine.whenLost(({ message }) => lose(message));
  },
  send: (request, files) => engine.send(request, files),
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
    setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
  },
  pickFiles(accept, several) {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept, multiple: several });
    return new Promise((resolve, reject) => {
      input.addEventListener("cancel", () => resolve([]));
      input.addEventListener("change", () => {
        Promise.all([...input.files].map((file) => read(file))).then(resolve, reject);
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
      return localStorage.getItem(name) ?? undefined;
    } catch {
      return memory.get(name);
    }
  },
  keep(name, text) {
    try {
      localStorage.setItem(name, text);
    } catch {
      memory.set(name, text);
    }
  },
};

/** Handles the engine's `ready` event. */
function meet(ready) {
  device = `${ready.device.name} (${ready.device.kind}), storage: ${ready.storage.place}`;
  spoken(ready);
}

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

// Once it draws, the app itself reports the loss and starts another worker.
engine.whenLost(({ message }) => {
  if (!page) refuse("The engine could not be started", [message], message);
});

// ---- Browser integration --------------------------------------------------------------------------------------------------

/** Shows a message at the bottom of the page, with a button for each of `actions`; pressing one closes it. */
function say(text, actions = {}) {
  const bar = element("bar");
  bar.replaceChildren(text);
  for (const [name, act] of Object.entries(actions)) {
    const button = document.createElement("button");
    button.textContent = name;
    button.addEventListener("click", () => {
      bar.hidden = true;
      act();
    });
    bar.append(button);
  }
  bar.hidden = false;
}

/** A file's name and bytes; or its name, null and the reason why it could not be read. */
function read(file, name = file.name) {
  return file.arrayBuffer().then(
    (bytes) => [name, new Uint8Array(bytes)],
    (error) => [name, null, error.message],
  );
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

// egui handles dropped files, but not folders.
document.addEventListener(
  "drop",
  (event) => {
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    element("canvas").dispatchEvent(new DragEvent("dragleave"));
    filesOf(entries).then(
      (files) => page?.drop_files(files),
      (error) => say(`The folder could not be read: ${error.message}`, { Close: () => {} }),
    );
  },
  { capture: true },
);

/** A hidden tab lets the engine use the machine without regard to responsiveness. */
function tellVisibility() {
  const visible = document.visibilityState === "visible";
  engine.request({ command: "visible", visible }).catch(() => {});
}

/** Maximum size in bytes of a project file from a URL. */
const MAX_FILE_BYTES = 1e9;
/** Maximum length in characters of a model in a link; every browser accepts URLs of this length. */
const MAX_LINK_CHARACTERS = 1e6;

/** Fetches a project file. Stops at the size limit, whatever length the server declares. */
async function file(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`its server answers ${response.status}`);
  const tooLarge = new Error(`it is larger than ${MAX_FILE_BYTES / 1e9} GB; save it, and choose it by Open a project file`);
  if (Number(response.headers.get("content-length")) > MAX_FILE_BYTES) throw tooLarge;
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
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Removes a project parameter from the page's address, so that a reload creates no second copy. */
function forget() {
  const here = new URL(location.href);
  here.searchParams.delete("project");
  here.searchParams.delete("receive");
  here.hash = "";
  history.replaceState(null, "", here);
}

/** Asks before opening a project, because links are untrusted. `bytes` fetches the file. */
function offer(text, name, bytes) {
  say(text, {
    Open: async () => {
      forget();
      try {
        const files = [await bytes()];
        await engine.request({ command: "import_project", name: null, from: null }, { files });
      } catch (error) {
        say(`${name} could not be opened: ${error.message}`, { Close: () => {} });
      }
    },
    "Leave it": forget,
  });
}

/** Opens a project by URL. */
function offerProject(address) {
  let from;
  try {
    from = new URL(address, location.href);
  } catch {
    say(`The link refers to a project at ${address}, which is not a valid URL.`, { Close: forget });
    return;
  }
  const name = decodeURIComponent(from.pathname.split("/").at(-1));
  const host = from.origin === location.origin ? `this site, ${from.host}` : from.host;
  offer(`The link asks to fetch the project ${name} from ${host} and to open it here.`, `The project at ${from}`, () => file(from));
}

/** Opens a model from the address: a project file in base64 after `#m=`. */
function offerLinked(text) {
  if (text.length > MAX_LINK_CHARACTERS) {
    say(`The link is longer than ${MAX_LINK_CHARACTERS / 1000} kB, too long for a model in a link; ask for the project's file.`, { Close: forget });
    return;
  }
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    say("The model in this link is damaged: the link was truncated or changed. Ask for a new link.", { Close: forget });
    return;
  }
  const size = `${(bytes.length / 1000).toFixed(0)} kB`;
  offer(`The link contains a model of ${size}. Open it as a project here?`, "The model in the link", () => bytes.slice());
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
    offer(`${from} hands over a model of ${size}. Open it as a project here?`, "The model", () => bytes.slice());
  };
  addEventListener("message", hear);
  opener.postMessage({ glasshouse: 1, type: "ready" }, "*");
}

/** Loads the sample project for visitors without a project; optional. */
async function offerSample() {
  const events = await engine.request({ command: "list_projects" });
  if (events.find(({ event }) => event === "projects").projects.length > 0) return;
  try {
    page.offer_sample(await file("sample.glasshouse"));
  } catch (error) {
    console.warn(`the sample project did not come: ${error.message}`);
  }
}

/** Registers the service worker for offline use. A newer version is installed on request. */
async function workOffline() {
  const { serviceWorker } = navigator;
  if (BUILD === "development" || !serviceWorker) return;
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
  const megabytes = (bytes) => `Glasshouse is loading: ${(bytes / 1e6).toFixed(1)} MB`;
  const module = await compile(new URL("page_bg.wasm", import.meta.url), (bytes) => {
    element("progress").textContent = megabytes(bytes);
  });
  await init({ module_or_path: module });
  document.addEventListener("visibilitychange", tellVisibility);
  await globalThis.glasshouse.ready;
  tellVisibility();
  // Before the project from the address, which must be opened last.
  await offerSample();
  const wish = new URLSearchParams(location.search);
  if (wish.get("project")) offerProject(wish.get("project"));
  else if (location.hash.startsWith("#m=")) offerLinked(location.hash.slice(3));
  else if (wish.has("receive")) offerHanded();
}

boot().catch((error) => {
  // The panic handler has already reported it.
  if (element("notice").hidden) {
    refuse("Glasshouse could not be loaded", ["A part of it failed to load or to start."], String(error?.stack ?? error));
  }
});
// The page loads first; files for offline use are fetched afterwards.
globalThis.glasshouse.ready
  .then(() => navigator.storage?.persist?.())
  .then(workOffline)
  .catch((error) => console.warn(`Glasshouse will not work offline: ${error.message}`));
