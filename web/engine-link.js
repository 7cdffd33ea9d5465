// The way from a page to the engine's worker: requests with promises, every report to a listener, and the news of its death.
// The app's page and the JavaScript API share it.

/** Milliseconds between two looks at whether the worker still answers. */
const LOOK = 2_000;
/** Looks, and milliseconds, without an answer after which a worker counts as lost. Long steps take seconds, not more. */
const PATIENCE = { looks: 5, milliseconds: 20_000 };

/** What went wrong, as the engine names it: `kind` is one of the protocol's, or `lost` where the engine itself is gone. */
export class GlasshouseError extends Error {
  constructor(kind, message, field) {
    super(message);
    this.name = "GlasshouseError";
    this.kind = kind;
    if (field) this.field = field;
  }
}

/** Fetches and compiles a module, also from servers that do not know the type of `.wasm` files. */
async function compile(url, onProgress) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: the server answers ${response.status}`);
  const counted = onProgress ? count(response, onProgress) : response;
  const typed = (response.headers.get("content-type") ?? "").startsWith("application/wasm");
  if (typed && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(counted);
  return WebAssembly.compile(await counted.arrayBuffer());
}

/** The same response, telling how many bytes have come. */
function count(response, onProgress) {
  if (!response.body) return response;
  let bytes = 0;
  const counter = new TransformStream({
    transform(part, controller) {
      onProgress((bytes += part.byteLength));
      controller.enqueue(part);
    },
  });
  return new Response(response.body.pipeThrough(counter), { headers: response.headers });
}

/** The engine's files, where a page brings them along (web/share/boot.js). */
const bundle = globalThis.glasshouseBundle;

export { compile };

export class EngineLink {
  #base;
  #worker = null;
  #next;
  #waiting = new Map();
  #listener = null;
  #unheard = [];
  #onLost = [];
  #pings = { sent: 0, heard: 0, since: 0, looks: 0 };
  #timer = null;
  #module = null;
  #threads;
  #keep;

  /** Why the engine is gone; null while it lives. */
  lost = null;

  /**
   * `base` is where worker.js and the engine lie; `firstId` numbers the requests made here, so that they can live beside
   * those of the app; `threads` are the cores that training on the CPU may take, unless it may take all; without `keep`
   * projects live in memory alone.
   */
  constructor({ base = import.meta.url, firstId = 1, threads, keep = true } = {}) {
    this.#base = base;
    this.#next = firstId;
    this.#threads = threads;
    this.#keep = keep;
  }

  /** Starts the worker; messages may be sent at once. */
  async start() {
    try {
      // The worker loads its script while the page compiles the module.
      this.#open();
      this.#module ??= await (bundle ? WebAssembly.compile(bundle.files.get("engine_bg.wasm")) : compile(new URL("engine_bg.wasm", this.#base)));
      this.#worker?.postMessage({ module: this.#module, threads: this.#threads, keep: this.#keep });
    } catch (error) {
      this.#lose("failed", `The engine could not be loaded: ${error.message ?? error}`);
    }
  }

  #open() {
    const name = "glasshouse-engine";
    const worker = bundle?.worker(name) ?? new Worker(this.#script(), { type: "module", name });
    worker.addEventListener("message", ({ data }) => this.#hear(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#lose("failed", `The engine's worker failed: ${event.message || "its script could not be loaded"}`);
    });
    worker.addEventListener("messageerror", () => this.#lose("failed", "A message of the engine could not be read."));
    this.#worker = worker;
    this.#timer = setInterval(() => this.#look(), LOOK);
  }

  /** The worker's script. A browser takes none from another server, but a script of ours may import one. */
  #script() {
    const script = new URL("worker.js", this.#base);
    if (script.origin === globalThis.location?.origin) return script;
    return URL.createObjectURL(new Blob([`import ${JSON.stringify(script.href)};`], { type: "text/javascript" }));
  }

  #hear(data) {
    this.#pings.heard = this.#pings.sent;
    this.#pings.looks = 0;
    if (data.report !== undefined) this.#report(data.report, data.files, data.request);
    else if (data.configured !== undefined) this.#answer(data.id, data.configured, data.error);
    else if (data.panic !== undefined) this.#lose("panic", data.panic);
    else if (data.failed !== undefined) this.#lose("failed", `The engine could not start: ${data.failed}`);
  }

  /** Sends a ping unless one is under way; counts how often it was found unanswered. */
  #look() {
    const pings = this.#pings;
    if (pings.heard === pings.sent) {
      pings.sent += 1;
      pings.since = performance.now();
      pings.looks = 0;
      this.#worker?.postMessage({ ping: pings.sent });
      return;
    }
    pings.looks += 1;
    // A laptop that slept wakes with a long time gone by and few looks; a tab in the background has few looks, too.
    if (pings.looks >= PATIENCE.looks && performance.now() - pings.since >= PATIENCE.milliseconds) {
      this.#lose("silent", "The engine has not answered for twenty seconds.");
    }
  }

  #report(text, files, id) {
    if (this.#listener) this.#listener(text, files);
    else this.#unheard.push([text, files]);
    // Reports to others' requests are not even parsed.
    const request = this.#waiting.get(id);
    if (!request) return;
    const { event } = JSON.parse(text);
    if (event.event === "finished") {
      this.#waiting.delete(id);
      request.resolve(request.events);
    } else if (event.event === "failed") {
      this.#waiting.delete(id);
      request.reject(new GlasshouseError(event.error.kind, event.error.message, event.error.field));
    } else {
      if (files.length > 0) event.files = files;
      request.events.push(event);
      request.onEvent?.(event);
    }
  }

  #answer(id, config, error) {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) request?.reject(new GlasshouseError("invalid", error));
    else request?.resolve(config);
  }

  #lose(kind, message) {
    if (this.lost) return;
    this.lost = { kind, message };
    this.close();
    this.#onLost.forEach((tell) => tell(this.lost));
  }

  /** Calls `tell({ kind, message })` when the engine is gone: `panic`, `failed` or `silent`. */
  whenLost(tell) {
    this.#onLost.push(tell);
    if (this.lost) tell(this.lost);
  }

  /** Calls `hear(text, files)` with every report, those that came so far first. */
  listen(hear) {
    this.#listener = hear;
    this.#unheard.splice(0).forEach(([text, files]) => hear(text, files));
  }

  /** Sends a request that is JSON already. The files' memory moves to the worker. */
  send(request, files = []) {
    if (!this.lost) this.#worker?.postMessage({ request, files }, files.map((file) => file.buffer));
  }

  /** Sends a command; resolves to the events that answer it, or rejects with a GlasshouseError. `sent` learns its number. */
  request(command, { files = [], onEvent, sent } = {}) {
    return new Promise((resolve, reject) => {
      if (this.lost) {
        reject(new GlasshouseError("lost", this.lost.message));
        return;
      }
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject, onEvent, events: [] });
      this.send(JSON.stringify({ id, command }), files);
      // By now, so that what is called off at once is known to the engine.
      sent?.(id);
    });
  }

  /** A run's whole settings: of `preset`, `layers` or `config`, with `steps`, `seed`, `batch_size`, `learning_rate` and fields of `train` put in. */
  configure(wish) {
    return new Promise((resolve, reject) => {
      if (this.lost) {
        reject(new GlasshouseError("lost", this.lost.message));
        return;
      }
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject, events: [] });
      this.#worker?.postMessage({ configure: JSON.stringify(wish), id });
    });
  }

  /** Starts a worker in place of a lost one. */
  restart() {
    this.close();
    this.lost = null;
    this.#pings = { sent: 0, heard: 0, since: 0, looks: 0 };
    return this.start();
  }

  /** Ends the worker. */
  close() {
    clearInterval(this.#timer);
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) {
      reject(new GlasshouseError("lost", this.lost?.message ?? "The engine was closed."));
    }
    this.#waiting.clear();
  }

  /** Ends the worker as a crash would, for tests: nobody is told. */
  kill() {
    this.#worker?.terminate();
  }
}
