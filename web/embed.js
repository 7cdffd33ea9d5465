// What a page around an embedded one may ask of it, by messages: docs/embedding.md lists them. Whatever else comes is ignored.

import { arranged, VIEWS } from "./inspection.js";

/** Characters of a prompt at most, as in an address. */
const LONGEST = 10_000;
/** Milliseconds that a message waits for a project to be open. */
const PATIENCE = 30_000;

const whole = (value) => Number.isSafeInteger(value) && value >= 0;

/** What a message may have, and what of it is taken. */
const FIELDS = {
  glasshouse: (value) => value === 1,
  type: (value) => value === "inspect",
  view: (value) => VIEWS.includes(value),
  prompt: (value) => typeof value === "string" && value.length <= LONGEST,
  layer: whole,
  head: whole,
  step: whole,
};

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
  const address = new URLSearchParams(location.search);
  let asked = { view: address.get("view") ?? "attention", prompt: address.get("prompt") ?? "" };
  let warned = false;

  async function answer({ glasshouse, type, ...message }) {
    asked = { ...asked, ...message };
    await app.ready;
    await opened(app);
    app.follow(`?${new URLSearchParams({ page: "inspect", ...message })}`);
    const { view, prompt, step, layer, head } = asked;
    const [source, views] = [await sourceOf(app, step), [view.replaceAll("-", "_")]];
    const events = await app.send({ command: "inspect", source, prompt, views, settings: { layer, head } });
    const { inspection, files = [] } = events.find(({ event }) => event === "inspected");
    return { type: "inspected", inspection: arranged(inspection, files) };
  }

  addEventListener("message", async ({ data, source, origin }) => {
    // Other scripts have messages of their own; and only the page around this one is heard.
    if (source !== parent || typeof data !== "object" || data?.glasshouse !== 1) return;
    if (!isKnown(data)) {
      if (!warned) console.warn(`a message of ${origin} is not one of those in docs/embedding.md, and is ignored`);
      warned = true;
      return;
    }
    const reply = await answer(data).catch(({ message }) => ({ type: "failed", message }));
    // A page without an origin, as one in a sandbox, cannot be told apart from others, and gets no reply.
    if (origin !== "null") source.postMessage({ glasshouse: 1, ...reply }, { targetOrigin: origin });
  });
}
