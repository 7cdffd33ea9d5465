// The link from the engine's worker to workers that compute shards of a training step. They share no memory, so pages need no special
// headers. Called by engine/platform/src/remote.rs.

/** Milliseconds between two checks for an answer. */
const LOOK = 1_000;

/** The workers' script. Browsers reject cross-origin worker scripts, but a local script may import one. */
function script() {
  const own = new URL("shard.js", import.meta.url);
  if (own.origin === globalThis.location.origin) return own;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(own.href)};`], { type: "text/javascript" }));
}

/** A promise with its `resolve` and `reject`. */
function awaited() {
  const found = {};
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
  // Avoids an unhandled rejection while the engine computes its own shard and does not await this promise yet.
  found.promise.catch(() => {});
  return found;
}

globalThis.RemoteShard = class RemoteShard {
  #worker;
  /** The cause of the loss. */
  #lost = null;
  /** The pending or received answer. */
  #answer = awaited();

  /** Starts a worker with the engine's compiled module and the engine's description of the shard. */
  constructor(module, shard) {
    this.#worker = new Worker(script(), { type: "module", name: "glasshouse-shard" });
    this.#worker.addEventListener("message", ({ data }) => {
      if (data.failed !== undefined) this.#lose(data.failed);
      else this.#answer.resolve(data);
    });
    this.#worker.addEventListener("messageerror", () => this.#lose("its message could not be read"));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#lose(event.message || "its script could not be loaded");
    });
    this.#worker.postMessage({ module, shard });
  }

  #lose(why) {
    this.#lost ??= new Error(why);
    this.end();
    this.#answer.reject(this.#lost);
  }

  /** Requests the shard. `memory`, which begins with `weights` weights, is transferred. */
  ask(memory, weights) {
    this.#answer = awaited();
    if (this.#lost) this.#answer.reject(this.#lost);
    else this.#worker.postMessage({ memory, weights }, [memory]);
  }

  /** Resolves to { memory, losses }; rejects if the worker is lost or does not answer within `milliseconds`. */
  answer(milliseconds) {
    // Counted in checks, because the clock continues during sleep while workers are suspended.
    let looks = Math.ceil(milliseconds / LOOK);
    const timer = setInterval(() => {
      looks -= 1;
      if (looks <= 0) this.#lose("it has not answered");
    }, LOOK);
    return this.#answer.promise.finally(() => clearInterval(timer));
  }

  /** Terminates the worker. */
  end() {
    this.#worker.terminate();
  }
};
