// The way from the engine's worker to workers that compute shards of a training step beside it: they share no memory, so that a
// page needs no special headers for them. The engine's module calls it (engine/platform/src/remote.rs).

/** Milliseconds between two looks at whether a worker has answered. */
const LOOK = 1_000;

/** The workers' script. A browser takes none from another server, but a script of ours may import one. */
function script() {
  const own = new URL("shard.js", import.meta.url);
  if (own.origin === globalThis.location.origin) return own;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(own.href)};`], { type: "text/javascript" }));
}

/** A promise, and what settles it. */
function awaited() {
  const found = {};
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
  // Whoever waits hears of a failure; nobody waits while the engine computes its own shard.
  found.promise.catch(() => {});
  return found;
}

globalThis.RemoteShard = class RemoteShard {
  #worker;
  /** Why the worker is gone. */
  #lost = null;
  /** The answer that is waited for, or came before anyone waited. */
  #answer = awaited();

  /** Starts a worker from the engine's compiled module for a shard of each step, described by the engine. */
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

  /** Has it compute its shard; the memory moves to it, which begins with so many weights. */
  ask(memory, weights) {
    this.#answer = awaited();
    if (this.#lost) this.#answer.reject(this.#lost);
    else this.#worker.postMessage({ memory, weights }, [memory]);
  }

  /** Resolves to the shard's { memory, losses }; rejects where the worker is lost, or has not answered in so many milliseconds. */
  answer(milliseconds) {
    // Counted in looks: while a laptop sleeps the clock goes on, and its workers stand still.
    let looks = Math.ceil(milliseconds / LOOK);
    const timer = setInterval(() => {
      looks -= 1;
      if (looks <= 0) this.#lose("it has not answered");
    }, LOOK);
    return this.#answer.promise.finally(() => clearInterval(timer));
  }

  /** Ends the worker. */
  end() {
    this.#worker.terminate();
  }
};
