// Messages from the page that embeds the app (docs/embedding.md). All others are ignored.

import { arranged, VIEWS } from "./inspection.js";

/** Maximum characters of a prompt, as in an address. */
const MAX_PROMPT_CHARACTERS = 10_000;
/** Milliseconds to wait for an open project. */
const PATIENCE = 30_000;

const whole = (value) => Number.isSafeInteger(value) && value >= 0;

/** Allowed fields of a message and their validation. */
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

/** The message fields in the page's own address. */
function fromAddress() {
  const address = new URLSearchParams(location.search);
  const given = ["view", "prompt", "layer", "head", "step"].filter((name) => address.has(name));
  const read = (name) => (FIELDS[name] === whole ? Number(address.get(name) || NaN) : address.get(name));
  return Object.fromEntries(given.map((name) => [name, read(name)]).filter(([name, value]) => FIELDS[name](value)));
}

/** Whether a message has only documented fields with valid values. */
function isKnown(message) {
  const fits = ([name, value]) => Object.hasOwn(FIELDS, name) && FIELDS[name](value);
  return message.type !== undefined && Object.entries(message).every(fits);
}

/** Waits until the app has a project. */
async function opened(app) {
  const end = performance.now() + PATIENCE;
  while (!app.state()?.project) {
    if (performance.now() > end) throw new Error("no project is open; add project=URL to the URL of this page");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The current weights, or the latest run's checkpoint or milestone nearest to a step. */
async function sourceOf(app, step) {
  if (step === undefined) return { of: "current" };
  const { runs } = (await app.send({ command: "list_runs" })).find(({ event }) => event === "runs");
  const run = runs.findLast(({ checkpoints }) => checkpoints.length > 0);
  if (!run) return { of: "current" };
  const away = (own) => Math.abs(own.step - step);
  const nearest = run.checkpoints.reduce((best, own) => (away(own) < away(best) ? own : best));
  return { of: "checkpoint", run: run.name, checkpoint: nearest.file };
}

/** Handles messages of the surrounding page. `app` is `window.glasshouse`. */
export function followMessages(app) {
  /** The current request; each message overrides the fields that it names. */
  let asked = { view: "attention", ...fromAddress() };
  let warned = false;

  async function answer({ glasshouse, type, id, ...message }, origin) {
    asked = { ...asked, ...message };
    // Copy before awaiting: the next message may change the request.
    const { view, prompt, step, layer, head } = asked;
    if (prompt === undefined) throw new Error("there is no prompt; set one in the first message or in the URL");
    // Matches quote the visitor's training text.
    if (view === "provenance" && origin !== location.origin) {
      throw new Error("provenance is available only to pages of the same origin, because it quotes training text");
    }
    await app.ready;
    await opened(app);
    app.follow(`?${new URLSearchParams({ page: "inspect", ...message })}`);
    const source = await sourceOf(app, step);
    const events = await app.send({ command: "inspect", source, prompt, views: [view], settings: { layer, head } });
    return { type: "inspected", inspection: arranged(events) };
  }

  addEventListener("message", async ({ data, source, origin }) => {
    // Ignores messages of other scripts and of windows other than the parent.
    if (source !== parent || typeof data !== "object" || data?.glasshouse !== 1) return;
    if (!isKnown(data)) {
      if (!warned) console.warn(`a message from ${origin} was ignored: it does not follow docs/embedding.md`);
      warned = true;
      return;
    }
    const reply = await answer(data, origin).catch(({ message }) => ({ type: "failed", message }));
    // Pages without an origin (sandboxed) cannot be targeted and get no reply.
    if (origin !== "null") source.postMessage({ glasshouse: 1, id: data.id, ...reply }, { targetOrigin: origin });
  });
}
