// The link from a page to the engine's worker, for the app and the JavaScript API: requests as promises, a listener for all reports, and
// detection of a lost worker.

/** Milliseconds between two liveness checks. */
const LOOK = 2_000;
/** Checks and milliseconds without an answer after which the worker counts as lost. Long steps take only seconds. */
const PATIENCE = { looks: 5, milliseconds: 20_000 };

/** `kind` is an error kind of the protocol, or `lost` if the worker is gone; after a loss, `cause` is { kind, message, stack }. */
export class GlasshouseError extends Error {
  constructor(kind, message, field, cause) {
    super(message, cause && { cause });
    this.name = "GlasshouseError";
    this.kind = kind;
    if (field) this.field = field;
  }
}

/** Fetches and compiles a module, also from servers with a wrong MIME type for `.wasm`. */
async function compile(url, onProgress) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: the server answers ${response.status}`);
  const counted = onProgress ? count(response, onProgress) : response;
  const typed = (response.headers.get("content-type") ?? "").startsWith("application/wasm");
  if (typed && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(counted);
  return WebAssembly.compile(await counted.arrayBuffer());
}

/** The same response, reporting the number of received bytes. */
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

/** The engine's files, if the page contains them (web/share/boot.js). */
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
  #shelf;
  #connect;

  /** The cause of the loss; null while the worker is alive. */
  lost = null;

  /**
   * `base` is the URL of the folder with worker.js and the engine. `firstId` is the first request id, to avoid collisions with the app's
   * requests. `threads` limits the cores for training on the CPU [default: all]. `shelf` is the folder of the projects in the
   * browser's storage [default: the visitor's], or a promise of it; null if nothing is stored. `connect(hear)` returns another carrier of
   * messages than a worker of this page (remote-link.js).
   */
  constructor({ base = import.meta.url, firstId = 1, threads, shelf, connect } = {}) {
    this.#base = base;
    this.#next = firstId;
    this.#threads = threads;
    this.#shelf = shelf;
    this.#connect = connect;
  }

  /** Starts the worker; messages sent before it is ready are queued. */
  async start() {
    try {
      // Opened first: the worker loads its script while the page compiles the module.
      this.#open();
      if (this.#connect) return;
      this.#module ??= await (bundle ? WebAssembly.compile(bundle.files.get("engine_bg.wasm")) : compile(new URL("engine_bg.wasm", this.#base)));
      const shelf = await this.#shelf;
      this.#worker?.postMessage({ module: this.#module, threads: this.#threads, shelf });
    } catch (error) {
      this.#lose("failed", `The engine could not be loaded: ${error.message ?? error}`);
    }
  }

  #open() {
    this.#timer = setInterval(() => this.#look(), LOOK);
    if (this.#connect) {
      this.#worker = this.#connect((data) => this.#hear(data));
      return;
    }
    const name = "glasshouse-engine";
    const worker = bundle?.worker(name) ?? new Worker(this.#script(), { type: "module", name });
    worker.addEventListener("message", ({ data }) => this.#hear(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#lose("failed", `The engine's worker failed: ${event.message || "its script could not be loaded"}`);
    });
    worker.addEventListener("messageerror", () => this.#lose("failed", "A message of the engine could not be read."));
    this.#worker = worker;
  }

  /** The worker's script. Browsers reject cross-origin worker scripts, but a local script may import one. */
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
    else if (data.panic !== undefined) this.#lose("panic", data.panic, data.stack);
    else if (data.failed !== undefined) this.#lose("failed", `The engine could not start: ${data.failed}`);
  }

  /** Sends a ping, or counts a check if the last one is unanswered. */
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
    // Both limits are required: after sleep, or in a background tab, much time passes with few checks.
    if (pings.looks >= PATIENCE.looks && performance.now() - pings.since >= PATIENCE.milliseconds) {
      this.#lose("silent", "The engine has not answered for twenty seconds.");
    }
  }

  #report(text, files, id) {
    if (this.#listener) this.#listener(text, files);
    else this.#unheard.push([text, files]);
    // Reports for other requests are not parsed.
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

  #lose(kind, message, stack) {
    if (this.lost) return;
    this.lost = { kind, message, stack };
    this.close();
    this.#onLost.forEach((tell) => tell(this.lost));
  }

  #gone() {
    return new GlasshouseError("lost", this.lost?.message ?? "The engine was closed.", undefined, this.lost);
  }

  /** Calls `tell({ kind, message, stack })` when the worker is lost: `panic`, `failed` or `silent`. */
  whenLost(tell) {
    this.#onLost.push(tell);
    if (this.lost) tell(this.lost);
  }

  /** Calls `hear(text, files)` with every report, including those received so far. */
  listen(hear) {
    this.#listener = hear;
    this.#unheard.splice(0).forEach(([text, files]) => hear(text, files));
  }

  /** Sends a request in JSON. The files are Uint8Arrays, whose memory is transferred to the worker, or Blobs, which the worker reads. */
  send(request, files = []) {
    if (this.lost) return;
    const given = files.find((file) => !(file instanceof Uint8Array || file instanceof Blob));
    if (given !== undefined) throw new GlasshouseError("invalid", `a file must be a Uint8Array or a Blob, not ${given}`, "files");
    const memories = files.filter((file) => !(file instanceof Blob)).map((file) => file.buffer);
    this.#worker?.postMessage({ request, files }, memories);
  }

  /** Sends a command; resolves to the events of its answer or rejects with a GlasshouseError. Calls `sent` with the request id. */
  request(command, { files = [], onEvent, sent } = {}) {
    return new Promise((resolve, reject) => {
      if (this.lost) {
        reject(this.#gone());
        return;
      }
      const id = this.#next++;
      // Fails if it cannot be sent; nothing waits for it then.
      this.send(JSON.stringify({ id, command }), files);
      this.#waiting.set(id, { resolve, reject, onEvent, events: [] });
      // After sending, so that the engine knows a request that is cancelled immediately.
      sent?.(id);
    });
  }

  /** The complete settings of a run from `preset`, `layers` or `config`, with overrides (`steps`, `seed`, `batch_size`, `learning_rate`, `train`). */
  configure(wish) {
    return new Promise((resolve, reject) => {
      if (this.lost) {
        reject(this.#gone());
        return;
      }
      const id = this.#next++;
      const configure = JSON.stringify(wish) ?? "null";
      this.#waiting.set(id, { resolve, reject, events: [] });
      this.#worker?.postMessage({ configure, id });
    });
  }

  /** Replaces a lost worker. */
  restart() {
    this.close();
    this.lost = null;
    this.#pings = { sent: 0, heard: 0, since: 0, looks: 0 };
    return this.start();
  }

  /** Terminates the worker. */
  close() {
    clearInterval(this.#timer);
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) {
      reject(this.#gone());
    }
    this.#waiting.clear();
  }

  /** For tests: terminates the worker like a crash, without notification. */
  kill() {
    this.#worker?.terminate();
  }
}
