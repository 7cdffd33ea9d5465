// What a page around an embedded one may ask of it, by messages: docs/embedding.md lists them. Whatever else comes is ignored.

import { arranged, VIEWS } from "./inspection.js";

/** Characters of a prompt at most, as in an address. */
const MAX_PROMPT_CHARACTERS = 10_000;
/** Milliseconds that a message waits for a project to be open. */
const PATIENCE = 30_000;

const whole = (value) => Number.isSafeInteger(value) && value >= 0;

/** What a message may have, and what of it is taken. */
const FIELDS = {
  glasshouse: (value) => value === 1,
  type: (value) => value === "inspect",
  view: (value) => VIEWS.includes(value),
  prompt: (value) => typeof value === "string" && [...value].length <= MAX_PROMPT_CHARACTERS,
  layer: whole,
  head: whole,
  step: whole,
  id: whole,
};

/** What a page's own address asks for, as far as a message may. */
function fromAddress() {
  const address = new URLSearchParams(location.search);
  const given = ["view", "prompt", "layer", "head", "step"].filter((name) => address.has(name));
  const read = (name) => (FIELDS[name] === whole ? Number(address.get(name) || NaN) : address.get(name));
  return Object.fromEntries(given.map((name) => [name, read(name)]).filter(([name, value]) => FIELDS[name](value)));
}

/** Whether a message is one of those that are listed. */
function isKnown(message) {
  const fits = ([name, value]) => Object.hasOwn(FIELDS, name) && FIELDS[name](value);
  return message.type !== undefined && Object.entries(message).every(fits);
}

/** Waits until the app has a project. */
async function opened(app) {
  const end = performance.now() + PATIENCE;
  while (!app.state()?.project) {
    if (performance.now() > end) throw new Error("no project is open; name one in the address by project=URL");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The weights as they are now, or what the latest run kept nearest to a step. */
async function sourceOf(app, step) {
  if (step === undefined) return { of: "current" };
  const { runs } = (await app.send({ command: "list_runs" })).find(({ event }) => event === "runs");
  const run = runs.findLast(({ checkpoints }) => checkpoints.length > 0);
  if (!run) return { of: "current" };
  const away = (own) => Math.abs(own.step - step);
  const nearest = run.checkpoints.reduce((best, own) => (away(own) < away(best) ? own : best));
  return { of: "checkpoint", run: run.name, checkpoint: nearest.file };
}

/** Follows messages of the page around this one. `app` is `window.glasshouse`. */
export function followMessages(app) {
  /** What was asked for so far: a message changes what it names. */
  let asked = { view: "attention", ...fromAddress() };
  let warned = false;

  async function answer({ glasshouse, type, id, ...message }, origin) {
    asked = { ...asked, ...message };
    // Read at once: while this one waits, the next message changes what is asked for.
    const { view, prompt, step, layer, head } = asked;
    if (prompt === undefined) throw new Error("there is no prompt: name one in the first message, or in the address");
    // Matches are spans of the visitor's own text. A neuron's passages would be, too; no message can name a neuron.
    if (view === "provenance" && origin !== location.origin) {
      throw new Error("provenance is told to pages of this origin alone: it quotes training text");
    }
    await app.ready;
    await opened(app);
    app.follow(`?${new URLSearchParams({ page: "inspect", ...message })}`);
    const source = await sourceOf(app, step);
    const events = await app.send({ command: "inspect", source, prompt, views: [view], settings: { layer, head } });
    return { type: "inspected", inspection: arranged(events) };
  }

  addEventListener("message", async ({ data, source, origin }) => {
    // Other scripts have messages of their own; and only the page around this one is heard.
    if (source !== parent || typeof data !== "object" || data?.glasshouse !== 1) return;
    if (!isKnown(data)) {
      if (!warned) console.warn(`a message of ${origin} is not one of those in docs/embedding.md, and is ignored`);
      warned = true;
      return;
    }
    const reply = await answer(data, origin).catch(({ message }) => ({ type: "failed", message }));
    // A page without an origin, as one in a sandbox, cannot be told apart from others, and gets no reply.
    if (origin !== "null") source.postMessage({ glasshouse: 1, id: data.id, ...reply }, { targetOrigin: origin });
  });
}
