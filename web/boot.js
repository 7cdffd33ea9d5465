// Starts the app in a tab: the engine's worker at once, the page's module beside it, and what a browser asks for around them:
// a report when something dies, visibility, files, preferences, work without a network.
//
// For scripts and tests there is `window.glasshouse`:
//   state()              what the app shows, in short (page, device, projects, documents, training, messages); null before it draws
//   send(command, files) a protocol command as an object, `{ command: "list_projects" }`; resolves to the events that answer it,
//                        rejects with an error that has `kind` and `message`; files are Uint8Arrays, whose memory moves away
//   follow(query)        what the page's address can ask for: "?page=train&preset=nanogpt-cpu&seed=1"
//   ready                resolves when the app draws and the engine has said what it runs on; the app then opens the project of last
//                        time by itself: whoever makes or opens another one waits until state().project is there
//   engine               the link to the worker (engine-link.js)
//   build                names this build; "development" where it has no service worker

import { followMessages } from "./embed.js";
import { compile, EngineLink } from "./engine-link.js";
import { Mirror } from "./mirror.js";
import init from "./page.js";

/** Filled in by web/build. */
const BUILD = "development";

/** Requests of scripts are numbered from here, those of the app from 1. */
const SCRIPTED = 2 ** 40;

const element = (id) => document.getElementById(id);
const engine = new EngineLink({ firstId: SCRIPTED });
let page = null;
let device = "no device yet";
/** Scripts whose fonts were asked for. */
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

/** Texts that local storage would keep, where it is blocked. */
const memory = new Map();

// What the page's module needs; app/src/link/web/boot.rs has the same names.
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
    // The field that takes what is typed for the canvas.
    document.querySelector("#canvas ~ input")?.setAttribute("aria-label", "Typed into what has the keyboard");
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
  /** What the app draws, as elements; it is told in the middle of a frame, in which nothing may be asked of it. */
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

/** The engine's first word: what it runs on. */
function meet(ready) {
  device = `${ready.device.name} (${ready.device.kind}), storage: ${ready.storage.place}`;
  spoken(ready);
}

// ---- When something dies ------------------------------------------------------------------------------------------------

/** A text that helps to find the fault: nothing of the person's own is in it. */
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
    // Without permission for the clipboard the text is selected, for the keyboard to copy.
    getSelection().selectAllChildren(field);
    button.textContent = "Selected: press Ctrl+C";
  }
}

/** A page over the page, with a way on and a report to copy. */
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
      "The page met a fault and cannot go on. Your project is safe: everything up to its last checkpoint is kept, and training goes on from there.",
      "Start again, and please tell us with the report below, so that it does not happen twice.",
    ],
    what,
  );
}

// Once the app draws, it says so itself and starts another worker.
engine.whenLost(({ message }) => {
  if (!page) refuse("The engine could not be started", [message], message);
});

// ---- Around the app -------------------------------------------------------------------------------------------------------

/** Says something at the bottom of the page, with a button for each of `actions` by its name; a press ends the saying. */
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

/** A file's name and bytes; or its name, null, and why it could not be read. */
function read(file, name = file.name) {
  return file.arrayBuffer().then(
    (bytes) => [name, new Uint8Array(bytes)],
    (error) => [name, null, error.message],
  );
}

/** The files in what was dropped, folders and all. Two of one name are told apart by their folders. */
async function filesOf(entries) {
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      found.push([entry.fullPath.slice(1), await new Promise((resolve, reject) => entry.file(resolve, reject))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // A browser gives a hundred at a time.
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

// What draws the page knows of dropped files, and not of folders.
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

/** While nobody looks, the engine need not keep the machine responsive. */
function tellVisibility() {
  const visible = document.visibilityState === "visible";
  engine.request({ command: "visible", visible }).catch(() => {});
}

/** Bytes of a project's file that are taken from an address at most. */
const MAX_FILE_BYTES = 1e9;
/** Characters of a model in a link: what every browser takes as an address. */
const MAX_LINK_CHARACTERS = 1e6;

/** Fetches a project's file; one that is too large is left where it is, whatever its server says of it. */
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

/** Takes a wish for a project out of the page's address, so that loading again makes no second copy. */
function forget() {
  const here = new URL(location.href);
  here.searchParams.delete("project");
  here.searchParams.delete("receive");
  here.hash = "";
  history.replaceState(null, "", here);
}

/** Offers to open a project: whoever made a link may have had anything in mind. `bytes` gets its file. */
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

/** A project by its address. */
function offerProject(address) {
  let from;
  try {
    from = new URL(address, location.href);
  } catch {
    say(`The link names a project at ${address}, which is no address.`, { Close: forget });
    return;
  }
  const name = decodeURIComponent(from.pathname.split("/").at(-1));
  const host = from.origin === location.origin ? `this site, ${from.host}` : from.host;
  offer(`The link asks to fetch the project ${name} from ${host} and to open it here.`, `The project at ${from}`, () => file(from));
}

/** A model that the address itself holds, after `#m=`: a project's file in base 64. */
function offerLinked(text) {
  if (text.length > MAX_LINK_CHARACTERS) {
    say(`The link is longer than ${MAX_LINK_CHARACTERS / 1000} kB, too long for a model in a link; ask for the project's file.`, { Close: forget });
    return;
  }
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    say("The model in this link is damaged: the link was cut or changed on its way. Ask for it again.", { Close: forget });
    return;
  }
  const size = `${(bytes.length / 1000).toFixed(0)} kB`;
  offer(`The link holds a model of ${size}. Open it as a project here?`, "The model in the link", () => bytes.slice());
}

/** A model from the page that opened this one, as a shared model's page does (web/share/page.js). */
function offerHanded() {
  if (!opener) {
    say("The page that hands over a model is gone; open its model again from there.", { Close: forget });
    return;
  }
  const hear = ({ source, origin, data }) => {
    if (source !== opener || data?.glasshouse !== 1 || data.type !== "project") return;
    removeEventListener("message", hear);
    const { bytes } = data;
    if (!(bytes instanceof Uint8Array) || bytes.byteLength > MAX_FILE_BYTES) {
      say("What the other page hands over is no project's file, or is too large.", { Close: forget });
      return;
    }
    // A page that was opened as a file has no origin.
    const from = origin === "null" ? "Another page" : new URL(origin).host;
    const size = `${(bytes.byteLength / 1e6).toFixed(1)} MB`;
    offer(`${from} hands over a model of ${size}. Open it as a project here?`, "The model", () => bytes.slice());
  };
  addEventListener("message", hear);
  opener.postMessage({ glasshouse: 1, type: "ready" }, "*");
}

/** The sample project, for whoever has no project yet; the page runs without it. */
async function offerSample() {
  const events = await engine.request({ command: "list_projects" });
  if (events.find(({ event }) => event === "projects").projects.length > 0) return;
  try {
    page.offer_sample(await file("sample.glasshouse"));
  } catch (error) {
    console.warn(`the sample project did not come: ${error.message}`);
  }
}

/** After the first visit everything works without a network; a newer version waits until the person wants it. */
async function workOffline() {
  const { serviceWorker } = navigator;
  if (BUILD === "development" || !serviceWorker) return;
  let reloading = false;
  const first = !serviceWorker.controller;
  serviceWorker.addEventListener("controllerchange", () => {
    if (first) return;
    if (reloading) location.reload();
    else say("Another tab took a new version of Glasshouse into use.", { Reload: () => location.reload() });
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
  // Before what the address names, which is then opened last.
  await offerSample();
  const wish = new URLSearchParams(location.search);
  if (wish.get("project")) offerProject(wish.get("project"));
  else if (location.hash.startsWith("#m=")) offerLinked(location.hash.slice(3));
  else if (wish.has("receive")) offerHanded();
}

boot().catch((error) => {
  // A panic has been reported by its own way already.
  if (element("notice").hidden) {
    refuse("Glasshouse could not be loaded", ["A part of it did not arrive or did not start."], String(error?.stack ?? error));
  }
});
// The page comes first; what it needs without a network is fetched when it stands.
globalThis.glasshouse.ready
  .then(() => navigator.storage?.persist?.())
  .then(workOffline)
  .catch((error) => console.warn(`Glasshouse will need a network: ${error.message}`));
