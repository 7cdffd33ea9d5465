// Glasshouse from JavaScript: trains small language models and writes with them, in a worker of this page.
//
//   import { Glasshouse } from "./glasshouse.js";
//   const lab = await Glasshouse.create({ device: "auto" });
//   await lab.train({ preset: "nanogpt-cpu", text, steps: 300, onStep: ({ step, loss }) => console.log(step, loss) });
//   const { text: story } = await lab.generate({ prompt: "Once", maxTokens: 200 });
//   const { views } = await lab.inspect({ prompt: "Once", views: ["attention"], layer: 0 });
//   const { likelihood, tasks } = await lab.evaluate({ tasks: [{ name: "qa.jsonl", text: rows }] });
//
// In a page, this module also makes the element <glasshouse-lens src="my.glasshouse" view="attention" prompt="Once">.
// The files beside it (engine-link.js, worker.js, shard.js, engine.js, engine_bg.wasm, …) belong to it. glasshouse.d.ts says every option.

import { EngineLink, GlasshouseError } from "./engine-link.js";
import { arranged, camel, each, promptsOf, renamed, settingsOf, VIEWS, viewsOf } from "./inspection.js";

export { GlasshouseError, VIEWS };

/** The protocol's version that this file speaks. */
const VERSION = 1;

/** The last event of a kind among those that answered a request. */
const last = (events, kind) => events.findLast(({ event }) => event === kind);

/** Names and bytes of what a person gave: a text, Files, or objects with a name and a text or bytes. */
async function documents({ text, files }) {
  const given = [...(files ?? [])];
  if (text !== undefined) given.push({ name: "text.txt", text });
  const encoder = new TextEncoder();
  return Promise.all(
    given.map(async (file) => {
      if (typeof file.name !== "string") throw new GlasshouseError("invalid", "each of files needs a name", "files");
      if (file instanceof Blob) return [file.name, new Uint8Array(await file.arrayBuffer())];
      if (typeof file.text === "string") return [file.name, encoder.encode(file.text)];
      if (file.bytes instanceof Uint8Array) return [file.name, file.bytes.slice()];
      throw new GlasshouseError("invalid", `${file.name} needs a text, or bytes in a Uint8Array`, "files");
    }),
  );
}

/** What an evaluation is asked for, and each task: JavaScript's names and the protocol's. */
const EVALUATION = { likelihood: "likelihood", baselines: "baselines", textOf: "text_of", documents: "documents", stride: "stride",
  suite: "suite", suiteRows: "suite_rows", resamples: "resamples", seed: "seed", keep: "keep" };
const TASK = { task: "task", metrics: "metrics", rows: "rows", maxTokens: "max_tokens" };

/** A file's bytes, by its address. */
async function fetched(address) {
  try {
    const response = await fetch(address);
    if (response.ok) return await response.arrayBuffer();
    throw new GlasshouseError("io", `${address}: the server answers ${response.status}`);
  } catch (error) {
    if (error instanceof GlasshouseError) throw error;
    throw new GlasshouseError("io", `${address} could not be fetched; another server must allow it (CORS)`);
  }
}

/** Calls `stop` once when a signal is raised; the result undoes it. */
function onAbort(signal, stop) {
  if (!signal) return () => {};
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return () => signal.removeEventListener("abort", stop);
}

export class Glasshouse {
  #link;
  #projectName;
  #project = null;
  #training = null;
  /** A run is being prepared or trains: from the first word of `train`, before anything was sent. */
  #busy = false;
  #aborted = false;
  #paused = false;

  /** The device in use: `request`, `name`, `kind` ("cpu", "gpu", "software"), `why`, … */
  device;
  /** Where projects are kept: `place` ("memory" where the browser blocks storage) and `lasting`. */
  storage;

  /**
   * Starts an engine. `device` is "auto", "cpu", "gpu" or part of an adapter's name; `project` names what runs are kept in,
   * over visits where storage lasts, unless `keep` is false; `base` is where the files of the engine lie, unless beside this one;
   * `threads` are the cores that training on the CPU may take, unless it may take all.
   */
  static async create({ device = "auto", project = "JavaScript", base, threads, keep = true } = {}) {
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
      throw new GlasshouseError("invalid", `threads must be a whole number from 1 on, not ${threads}`, "threads");
    }
    const lab = new Glasshouse();
    lab.#projectName = project;
    const place = base === undefined ? {} : { base: new URL(base, globalThis.location?.href) };
    lab.#link = new EngineLink({ ...place, threads, keep });
    // Answers are heard by those who asked; nobody wants the rest.
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

  /** The devices there are, the CPU first. */
  async devices() {
    const events = await this.#link.request({ command: "list_devices" });
    return camel(last(events, "devices").devices);
  }

  /** Uses another device from now on. */
  async chooseDevice(device) {
    this.#take(last(await this.#link.request({ command: "choose_device", device }), "ready"));
    return this.device;
  }

  /** Opens the lab's project, or makes it. */
  async #open() {
    if (this.#project) return this.#project;
    const listed = last(await this.#link.request({ command: "list_projects" }), "projects").projects;
    const known = listed.find(({ name, deleted }) => name === this.#projectName && !deleted);
    const command = known
      ? { command: "open_project", id: known.id }
      : { command: "create_project", name: this.#projectName };
    return (this.#project = last(await this.#link.request(command), "project").opened.project);
  }

  /** A whole run's settings: of a preset, a number of layers or a configuration, with what is asked for besides. */
  async #config(options) {
    const { preset, layers, config, steps, seed, batchSize, learningRate, evalInterval, sampleInterval, samplePrompt } = options;
    const train = { eval_interval: evalInterval, sample_interval: sampleInterval, sample_prompt: samplePrompt };
    const wish = { preset, layers, config, steps, seed, batch_size: batchSize, learning_rate: learningRate, train };
    return this.#link.configure(wish);
  }

  /** What a run would take: parameters, bytes by kind, FLOPs, whether it fits. */
  async plan(options = {}) {
    const config = await this.#config(options);
    return camel(last(await this.#link.request({ command: "plan", config }), "planned").plan);
  }

  /**
   * Trains a new run on `text` or `files` (which replace the project's documents, unless the run is refused), or without them on what the project has:
   * at first the embedded stories. Resolves when it is over, after `abort()` too; an abort before the run
   * has begun rejects with the kind `cancelled`.
   */
  async train(options = {}) {
    return this.#alone(async () => {
      const config = await this.#config(options);
      const given = await documents(options);
      await this.#open();
      if (given.length > 0) await this.#replaceDocuments(given);
      return this.#follow({ command: "train", config }, options);
    });
  }

  /** Text for the run that comes next; where that is refused, the project has its own text again. */
  async #replaceDocuments(given) {
    const names = given.map(([name]) => name);
    await this.#link.request({ command: "change_documents", change: "replace", names }, { files: given.map(([, bytes]) => bytes) });
  }

  /** Does what only one call at a time may do. */
  async #alone(work) {
    this.#refuseSecond();
    this.#busy = true;
    this.#aborted = false;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #refuseSecond() {
    if (this.#busy) throw new GlasshouseError("busy", "a run trains already; abort it or wait for it");
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
    // It was called off while the text was on its way.
    if (this.#aborted) this.abort().catch(() => {});
    try {
      const { run } = last(await this.#training, "training_ended");
      return { ...camel(run), loss, finished: run.state === "finished" };
    } finally {
      forget();
      this.#training = null;
    }
  }

  /** Holds training after the step in flight. */
  async pause() {
    await this.#link.request({ command: "steer", action: "pause" });
    this.#paused = this.#training !== null;
  }

  /** Continues after `pause()`; where nothing trains, continues the latest run and resolves when it is over, as `train` does. */
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

  /** Ends training after the step in flight; the run is saved and can be resumed. Resolves when that is done. */
  async abort() {
    this.#aborted = true;
    const training = this.#training;
    if (!training) return;
    await this.#link.request({ command: "steer", action: "stop" });
    await training.catch(() => {});
  }

  /** Writes on from a prompt, or answers messages, with the weights as they are now, also while training goes on. */
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
      // Called off before it began.
      if (error.kind !== "cancelled" || !signal?.aborted) throw error;
      return { text: "", ending: "interrupted", tokensPerSecond: 0, moderated: {} };
    } finally {
      forget();
    }
  }

  /** Whose weights: as they are now, or those of a run's checkpoint, by its name or its step; the latest run that has one, unless it is named. */
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
   * Looks inside the model at work on a prompt, with the weights as they are now, also while training goes on, or with those of a
   * checkpoint: each of `views` with its tensors as typed arrays. With `prompts`, a list: of each prompt what it would be by itself.
   */
  async inspect(options = {}) {
    const [views, settings] = [viewsOf(options.views), settingsOf(options)];
    const [prompt, ...further] = promptsOf(options);
    const source = await this.#source(options);
    const command = { command: "inspect", source, prompt, further, views, settings };
    const events = await this.#link.request(command);
    return options.prompts === undefined ? arranged(events) : each(events);
  }

  /**
   * Looks for what a model has learned that nobody wanted it to: `sections` are of "bias", "moderation", "memorisation", "canaries" and
   * "personal", all unless some are named; `pairs` is a File or the text of one with pairs of sentences. Resolves to the audit, which is
   * kept with the run unless `keep` is false. While a run trains it takes turns with its steps.
   */
  async audit(options = {}) {
    const { sections, samples, pairs, seed, keep } = options;
    const text = pairs instanceof Blob ? await pairs.text() : pairs;
    const given = Object.entries({ sections, samples, pairs: text, seed, keep }).filter(([, value]) => value !== undefined);
    const command = { command: "audit", source: await this.#source(options), settings: Object.fromEntries(given) };
    return camel(last(await this.#judge(command, options), "evaluations").audits[0]);
  }

  /**
   * Evaluates the model, or a checkpoint: on the text that was held out, beside baselines, and on tasks, each a file of JSON Lines. While
   * a run trains it takes turns with its steps.
   */
  async evaluate(options = {}) {
    const given = [...(options.tasks ?? [])];
    const files = await documents({ files: given });
    const tasks = files.map(([file], at) => ({ file, ...renamed(given[at], TASK) }));
    const settings = { ...renamed(options, EVALUATION), tasks };
    const command = { command: "evaluate", source: await this.#source(options), settings };
    const events = await this.#judge(command, options, files.map(([, bytes]) => bytes));
    return camel(last(events, "evaluations").evaluations[0]);
  }

  /** An evaluation or an audit, whose progress is told and which can be cancelled. */
  async #judge(command, { onProgress, signal }, files = []) {
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

  /** What is kept of runs' evaluations and audits, and how each two of the runs compare, paired. Of all runs, unless some are named. */
  async evaluations(runs) {
    await this.#open();
    const names = runs ?? (await this.runs()).map(({ name }) => name);
    const events = await this.#link.request({ command: "read_evaluations", runs: names });
    const { evaluations, audits, comparisons } = last(events, "evaluations");
    return camel({ evaluations, audits, comparisons });
  }

  /** The card of a run that was evaluated, of the latest one unless it is named: one page of HTML. */
  async card(run) {
    const name = run ?? (await this.evaluations()).evaluations.at(-1)?.run;
    if (name === undefined) throw new GlasshouseError("refused", "nothing was evaluated yet, so that there is no card", "run");
    await this.#open();
    const events = await this.#link.request({ command: "export", what: { card: { run: name } } });
    return new TextDecoder().decode(last(events, "exported").files[0]);
  }

  /** The project's runs, oldest first. */
  async runs() {
    await this.#open();
    return camel(last(await this.#link.request({ command: "list_runs" }), "runs").runs);
  }

  /** The project as a `.glasshouse` file's bytes: the program on a desktop opens it, too. */
  async save() {
    const { id } = await this.#open();
    const events = await this.#link.request({ command: "export", what: { project: { id } } });
    return last(events, "exported").files[0];
  }

  /** Opens a `.glasshouse` file, given as bytes or by its address, as the lab's project. */
  async load(source) {
    return this.#alone(() => this.#load(source));
  }

  async #load(source) {
    let bytes = source;
    if (typeof source === "string" || source instanceof URL) bytes = await fetched(source);
    const file = new Uint8Array(bytes).slice();
    const events = await this.#link.request({ command: "import_project", name: null, from: null }, { files: [file] });
    const { project, runs } = last(events, "project").opened;
    this.#project = project;
    return { name: project.name, runs: camel(runs) };
  }

  /**
   * Times a training step: milliseconds, tokens and FLOPs per second, first and last loss. With `timed: "decode"`, reading a prompt
   * and writing on: prompt and generation tokens per second, with `weights` for matrices stored in that format. With `timed: "inspect"`, each view of the lens, or those of `views`:
   * milliseconds.
   */
  async bench(options = {}) {
    const config = await this.#config(options);
    const command = { command: "bench", bench: options.timed ?? "step", config, repeats: options.repeats ?? 10 };
    if (options.timed === "inspect" && options.views) command.views = viewsOf(options.views);
    if (options.timed === "decode" && options.weights) command.weights = options.weights;
    return last(await this.#link.request(command), "bench").report;
  }

  /** Ends the engine; a run in training is stopped and saved before. */
  async close() {
    const link = this.#link;
    if (this.#training && !link.lost) await this.abort().catch(() => {});
    if (this.#project && !link.lost) await link.request({ command: "close_project" }).catch(() => {});
    link.close();
  }
}

// A worker has no elements. Nobody waits for the module: it imports this one.
if (globalThis.customElements && !customElements.get("glasshouse-lens")) {
  import("./lens.js").catch((error) => console.warn(`<glasshouse-lens> could not be loaded: ${error.message}`));
}
