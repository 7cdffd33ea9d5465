// The JavaScript API of Glasshouse: trains and runs small language models in a worker.
//
//   import { Glasshouse } from "./glasshouse.js";
//   const lab = await Glasshouse.create({ device: "auto" });
//   await lab.train({ preset: "nanogpt-cpu", text, steps: 300, onStep: ({ step, loss }) => console.log(step, loss) });
//   const { text: story } = await lab.generate({ prompt: "Once", maxTokens: 200 });
//   const { views } = await lab.inspect({ prompt: "Once", views: ["attention"], layer: 0 });
//   const { likelihood, tasks } = await lab.evaluate({ tasks: [{ name: "qa.jsonl", text: rows }] });
//
// In a page, this module also defines the element <glasshouse-lens src="my.glasshouse" view="attention" prompt="Once">.
// It needs the other files of its folder (engine-link.js, worker.js, shard.js, engine.js, engine_bg.wasm, …). glasshouse.d.ts documents all
// options.

import { EngineLink, GlasshouseError } from "./engine-link.js";
import { arranged, camel, each, promptsOf, renamed, settingsOf, VIEWS, viewsOf } from "./inspection.js";

export { GlasshouseError, VIEWS };

/** Protocol version. */
const VERSION = 1;

/** The last event of a kind in an answer. */
const last = (events, kind) => events.findLast(({ event }) => event === kind);

/** Names and contents of the given documents: a text, Files, or objects with a name and a text or bytes. */
function documents({ text, files }) {
  const given = [...(files ?? [])];
  if (text !== undefined) given.push({ name: "text.txt", text });
  const encoder = new TextEncoder();
  return given.map((file) => {
    if (typeof file?.name !== "string") throw new GlasshouseError("invalid", "each of files needs a name", "files");
    // Read by the engine.
    if (file instanceof Blob) return [file.name, file];
    if (typeof file.text === "string") return [file.name, encoder.encode(file.text)];
    if (file.bytes instanceof Uint8Array) return [file.name, file.bytes.slice()];
    throw new GlasshouseError("invalid", `${file.name} needs a text, or bytes in a Uint8Array`, "files");
  });
}

/** Names of evaluation and task options in JavaScript and in the protocol. */
const EVALUATION = { likelihood: "likelihood", baselines: "baselines", textOf: "text_of", documents: "documents", stride: "stride",
  suite: "suite", suiteRows: "suite_rows", resamples: "resamples", seed: "seed", keep: "keep" };
const TASK = { task: "task", metrics: "metrics", rows: "rows", maxTokens: "max_tokens" };

/** Fetches a file. */
async function fetched(address) {
  try {
    const response = await fetch(address);
    if (response.ok) return await response.blob();
    throw new GlasshouseError("io", `${address}: the server answers ${response.status}`);
  } catch (error) {
    if (error instanceof GlasshouseError) throw error;
    throw new GlasshouseError("io", `${address} could not be fetched; another server must allow it (CORS)`);
  }
}

/** Calls `stop` once on abort; returns a function that removes the listener. */
function onAbort(signal, stop) {
  if (!signal) return () => {};
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return () => signal.removeEventListener("abort", stop);
}

export class Glasshouse {
  #link;
  #projectName;
  /** The open project, or the promise of it. */
  #project = null;
  #training = null;
  /** The work on a run, from its preparation to its end; set at the start of `train`, before anything is sent. */
  #work = null;
  #aborted = false;
  #paused = false;

  /** The device in use: `request`, `name`, `kind` ("cpu", "gpu", "software"), `why`, … */
  device;
  /** Storage of projects: `place` ("memory" if the browser blocks storage) and `lasting`. */
  storage;

  /**
   * Starts an engine. `device` is "auto", "cpu", "gpu" or part of an adapter's name; `project` is the name of the project, stored across
   * visits if the browser allows it and `keep` is true; `base` is the URL of the engine's folder [default: the folder of this file];
   * `threads` limits the cores for training on the CPU [default: all].
   */
  static async create({ device = "auto", project = "JavaScript", base, threads, keep = true } = {}) {
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
      throw new GlasshouseError("invalid", `threads must be a whole number from 1 on, not ${threads}`, "threads");
    }
    const lab = new Glasshouse();
    lab.#projectName = project;
    const place = base === undefined ? {} : { base: new URL(base, globalThis.location?.href) };
    lab.#link = new EngineLink({ ...place, threads, shelf: keep ? undefined : null });
    // Requests receive their own answers; other reports are discarded.
    lab.#link.listen(() => {});
    lab.#link.start();
    try {
      const events = await lab.#link.request({ command: "hello", version: VERSION, device });
      lab.#take(last(events, "ready"));
    } catch (error) {
      lab.close();
      throw error;
    }
    return lab;
  }

  #take(ready) {
    if (!ready) return;
    this.device = camel(ready.device);
    this.storage = camel(ready.storage);
  }

  /** Available devices, the CPU first. */
  async devices() {
    const events = await this.#link.request({ command: "list_devices" });
    return camel(last(events, "devices").devices);
  }

  /** Switches to another device. */
  async chooseDevice(device) {
    this.#take(last(await this.#link.request({ command: "choose_device", device }), "ready"));
    return this.device;
  }

  /** Opens or creates the project, once. */
  #open() {
    const opening = (this.#project ??= this.#openProject());
    // The next call tries again.
    opening.catch(() => {
      if (this.#project === opening) this.#project = null;
    });
    return opening;
  }

  async #openProject() {
    const listed = last(await this.#link.request({ command: "list_projects" }), "projects").projects;
    const known = listed.find(({ name, deleted }) => name === this.#projectName && !deleted);
    const command = known
      ? { command: "open_project", id: known.id }
      : { command: "create_project", name: this.#projectName };
    return last(await this.#link.request(command), "project").opened.project;
  }

  /** The complete settings of a run from a preset, a number of layers or a configuration, with overrides. */
  async #config(options) {
    const { preset, layers, config, steps, seed, batchSize, learningRate, evalInterval, sampleInterval, samplePrompt } = options;
    const train = { eval_interval: evalInterval, sample_interval: sampleInterval, sample_prompt: samplePrompt };
    const wish = { preset, layers, config, steps, seed, batch_size: batchSize, learning_rate: learningRate, train };
    return this.#link.configure(wish);
  }

  /** Requirements of a run: parameters, bytes by kind, FLOPs, whether it fits. */
  async plan(options = {}) {
    const config = await this.#config(options);
    return camel(last(await this.#link.request({ command: "plan", config }), "planned").plan);
  }

  /**
   * Trains a new run on `text` or `files`, which replace the project's documents unless the run is refused. Without them it trains on the
   * project's documents, initially the built-in stories. Resolves when the run ends, also after `abort()`; an abort before the run has
   * started rejects with the kind `cancelled`.
   */
  async train(options = {}) {
    return this.#alone(async () => {
      const config = await this.#config(options);
      const given = documents(options);
      await this.#open();
      if (given.length > 0) await this.#replaceDocuments(given);
      return this.#follow({ command: "train", config }, options);
    });
  }

  /** Replaces the documents for the next run; if that run is refused, the project's own documents are restored. */
  async #replaceDocuments(given) {
    const names = given.map(([name]) => name);
    await this.#link.request({ command: "change_documents", change: "replace", names }, { files: given.map(([, bytes]) => bytes) });
  }

  /** Runs `work` exclusively. */
  async #alone(work) {
    if (this.#work) throw new GlasshouseError("busy", "a run trains already; abort it or wait for it");
    this.#aborted = false;
    this.#work = work();
    try {
      return await this.#work;
    } finally {
      this.#work = null;
    }
  }

  async #follow(command, { onStep, onEval, onSample, onGuard, onPreparing, signal } = {}) {
    let loss = null;
    const tell = { step: onStep, eval: onEval, sample: onSample, guard: onGuard };
    const onEvent = (event) => {
      if (event.event === "preparing") onPreparing?.(camel(event));
      if (event.event !== "training") return;
      for (const happened of event.events) {
        if (happened.event === "step") loss = happened.loss;
        tell[happened.event]?.(camel(happened));
      }
    };
    this.#paused = false;
    this.#training = this.#link.request(command, { onEvent });
    const forget = onAbort(signal, () => this.abort().catch(() => {}));
    // Aborted while the documents were being sent.
    if (this.#aborted) this.abort().catch(() => {});
    try {
      const { run } = last(await this.#training, "training_ended");
      return { ...camel(run), loss, finished: run.state === "finished" };
    } finally {
      forget();
      this.#training = null;
    }
  }

  /** Pauses training after the current step. */
  async pause() {
    await this.#link.request({ command: "steer", action: "pause" });
    this.#paused = this.#training !== null;
  }

  /** Continues after `pause()`. If nothing trains, resumes the named or latest run and resolves when it ends, like `train`. */
  async resume(options = {}) {
    if (!this.#training) {
      return this.#alone(async () => {
        await this.#open();
        return this.#follow({ command: "resume", run: options.run ?? null }, options);
      });
    }
    if (this.#paused) await this.#link.request({ command: "steer", action: "continue" });
    this.#paused = false;
    return undefined;
  }

  /** Stops training after the current step, or what prepares it, and saves the run, which can be resumed. Resolves when it is saved. */
  async abort() {
    this.#aborted = true;
    const [work, training] = [this.#work, this.#training];
    // Refused if the run ends meanwhile.
    const stopping = training && this.#link.request({ command: "steer", action: "stop" }).catch((error) => error);
    await work?.catch(() => {});
    const refused = await stopping;
    if (refused?.kind === "lost") throw refused;
  }

  /** Continues a prompt or answers messages, by default with the current weights, also during training. */
  async generate(options = {}) {
    const { prompt = "", messages, onToken, signal } = options;
    const source = await this.#source(options);
    const names = { maxTokens: "max_tokens", temperature: "temperature", topK: "top_k", topP: "top_p", minP: "min_p",
      repetitionPenalty: "repetition_penalty", seed: "seed", stop: "stop", weights: "weights", moderation: "moderation" };
    const config = {};
    for (const [name, theirs] of Object.entries(names)) if (options[name] !== undefined) config[theirs] = options[name];
    if (typeof config.stop === "string") config.stop = [config.stop];
    if (typeof config.moderation === "string") config.moderation = { mode: config.moderation };
    const onEvent = (event) => {
      if (event.event === "written" && !event.prompt) event.tokens.forEach((token) => onToken?.(token));
    };
    let forget = () => {};
    const sent = (request) => {
      forget = onAbort(signal, () => this.#link.request({ command: "cancel", request }).catch(() => {}));
    };
    try {
      const asked = messages ? { kind: "messages", messages } : { kind: "text", text: prompt };
      const events = await this.#link.request({ command: "generate", source, prompt: asked, config }, { onEvent, sent });
      const { text, ending, tokens_per_s: tokensPerSecond, moderated = {} } = last(events, "completed").completion;
      return { text, ending, tokensPerSecond, moderated };
    } catch (error) {
      // Cancelled before the start.
      if (error.kind !== "cancelled" || !signal?.aborted) throw error;
      return { text: "", ending: "interrupted", tokensPerSecond: 0, moderated: {} };
    } finally {
      forget();
    }
  }

  /** The weights to use: the current ones, or a checkpoint by name or step of the named run [default: the latest run with a checkpoint]. */
  async #source({ run, checkpoint, step }) {
    await this.#open();
    if (run === undefined && checkpoint === undefined && step === undefined) return { of: "current" };
    if (run !== undefined && step === undefined) return { of: "checkpoint", run, checkpoint: checkpoint ?? "best" };
    const runs = await this.runs();
    const counts = ({ checkpoints, forComparison = false }) => checkpoints.length > 0 && !forComparison;
    const found = runs.findLast((own) => (run === undefined ? counts(own) : own.name === run));
    if (!found) throw new GlasshouseError("unknown", run === undefined ? "no run has a checkpoint yet" : `no run is called ${run}`, "run");
    if (step === undefined) return { of: "checkpoint", run: found.name, checkpoint };
    const away = (own) => Math.abs(own.step - step);
    const [nearest] = [...found.checkpoints].sort((one, other) => away(one) - away(other));
    if (nearest?.step === step) return { of: "checkpoint", run: found.name, checkpoint: nearest.file };
    const there = nearest ? `; the nearest is that of step ${nearest.step}` : "";
    throw new GlasshouseError("unknown", `${found.name} has no checkpoint of step ${step}${there}`, "step");
  }

  /**
   * Inspects the model on a prompt with the current weights, also during training, or with those of a checkpoint. Returns each of `views`
   * with its tensors as typed arrays; with `prompts`, a list of independent results.
   */
  async inspect(options = {}) {
    const [views, settings] = [viewsOf(options.views), settingsOf(options)];
    const [prompt, ...further] = promptsOf(options);
    const source = await this.#source(options);
    const command = { command: "inspect", source, prompt, further, views, settings };
    const events = await this.#cancellable(command, options);
    return options.prompts === undefined ? arranged(events) : each(events);
  }

  /**
   * Audits the model: `sections` lists "bias", "moderation", "memorisation", "canaries" and "personal" [default: all]; `pairs` is a File
   * of sentence pairs, or its text. Resolves to the audit, which is saved with the run unless `keep` is false. During training it
   * alternates with training steps.
   */
  async audit(options = {}) {
    const { sections, samples, pairs, seed, keep } = options;
    const text = pairs instanceof Blob ? await pairs.text() : pairs;
    const given = Object.entries({ sections, samples, pairs: text, seed, keep }).filter(([, value]) => value !== undefined);
    const command = { command: "audit", source: await this.#source(options), settings: Object.fromEntries(given) };
    return camel(last(await this.#cancellable(command, options), "evaluations").audits[0]);
  }

  /**
   * Evaluates the model or a checkpoint on the held-out text, with baselines, and on tasks (files of JSON Lines). During training it
   * alternates with training steps.
   */
  async evaluate(options = {}) {
    const given = [...(options.tasks ?? [])];
    const files = documents({ files: given });
    const tasks = files.map(([file], at) => ({ file, ...renamed(given[at], TASK) }));
    const settings = { ...renamed(options, EVALUATION), tasks };
    const command = { command: "evaluate", source: await this.#source(options), settings };
    const events = await this.#cancellable(command, options, files.map(([, bytes]) => bytes));
    return camel(last(events, "evaluations").evaluations[0]);
  }

  /** A request with progress and cancellation. */
  async #cancellable(command, { onProgress, signal }, files = []) {
    if (signal?.aborted) throw new GlasshouseError("cancelled", "the signal was aborted before the request was sent");
    const onEvent = ({ event, what, done, total }) => {
      if (event === "progress") onProgress?.({ what, done, total });
    };
    let forget = () => {};
    const sent = (request) => {
      forget = onAbort(signal, () => this.#link.request({ command: "cancel", request }).catch(() => {}));
    };
    try {
      return await this.#link.request(command, { files, onEvent, sent });
    } finally {
      forget();
    }
  }

  /** Saved evaluations and audits, and paired comparisons of each two of the runs [default: all runs]. */
  async evaluations(runs) {
    await this.#open();
    const names = runs ?? (await this.runs()).map(({ name }) => name);
    const events = await this.#link.request({ command: "read_evaluations", runs: names });
    const { evaluations, audits, comparisons } = last(events, "evaluations");
    return camel({ evaluations, audits, comparisons });
  }

  /** The card of an evaluated run as an HTML page [default: the latest evaluated run]. */
  async card(run) {
    const name = run ?? (await this.evaluations()).evaluations.at(-1)?.run;
    if (name === undefined) throw new GlasshouseError("refused", "no run has been evaluated yet, so there is no card; call evaluate() first", "run");
    await this.#open();
    const events = await this.#link.request({ command: "export", what: { card: { run: name } } });
    return new TextDecoder().decode(last(events, "exported").files[0]);
  }

  /** The project's runs, oldest first. */
  async runs() {
    await this.#open();
    return camel(last(await this.#link.request({ command: "list_runs" }), "runs").runs);
  }

  /** The project as a `.glasshouse` file, which the desktop program also opens. */
  async save() {
    const { id } = await this.#open();
    const events = await this.#link.request({ command: "export", what: { project: { id } } });
    return last(events, "exported").files[0];
  }

  /** Opens a `.glasshouse` file, given as bytes, a File or a URL, as the project. */
  async load(source) {
    return this.#alone(() => this.#load(source));
  }

  async #load(source) {
    const given = typeof source === "string" || source instanceof URL ? await fetched(source) : source;
    const isBytes = given instanceof ArrayBuffer || ArrayBuffer.isView(given);
    if (!isBytes && !(given instanceof Blob)) throw new GlasshouseError("invalid", "load takes a File, bytes or a URL", "source");
    // A copy, because its memory is transferred.
    const file = isBytes ? new Uint8Array(given.buffer ?? given, given.byteOffset ?? 0, given.byteLength).slice() : given;
    const events = await this.#link.request({ command: "import_project", name: null, from: null }, { files: [file] });
    const { project, runs } = last(events, "project").opened;
    this.#project = Promise.resolve(project);
    return { name: project.name, runs: camel(runs) };
  }

  /**
   * Times a training step: milliseconds, tokens and FLOPs per second, first and last loss. With `timed: "decode"`, prefill and decoding in
   * tokens per second, with `weights` as the storage format of matrices. With `timed: "inspect"`, each view of the lens, or those in `views`, in milliseconds.
   */
  async bench(options = {}) {
    const config = await this.#config(options);
    const command = { command: "bench", bench: options.timed ?? "step", config, repeats: options.repeats ?? 10 };
    if (options.timed === "inspect" && options.views) command.views = viewsOf(options.views);
    if (options.timed === "decode" && options.weights) command.weights = options.weights;
    return last(await this.#link.request(command), "bench").report;
  }

  /** Closes the engine after stopping and saving an active run. */
  async close() {
    const link = this.#link;
    if (this.#work && !link.lost) await this.abort().catch(() => {});
    if (this.#project && !link.lost) await link.request({ command: "close_project" }).catch(() => {});
    link.close();
  }
}

// Workers have no elements. Not awaited, because lens.js imports this module.
if (globalThis.customElements && !customElements.get("glasshouse-lens")) {
  import("./lens.js").catch((error) => console.warn(`<glasshouse-lens> could not be loaded: ${error.message}`));
}
