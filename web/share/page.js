// The page of a shared model: generation or chat, three views of the lens, the model card, and export to Glasshouse.
//
// A model's content is only data: texts become text nodes, and the card, an HTML page, is shown in a frame without scripts.

import { Glasshouse } from "./glasshouse.js";
import { make } from "./lens-tables.js";

/** Number of parameters above which a GPU is worth its start-up time. */
const LARGE = 3e7;

const VIEWS = [
  ["attention", "Attention", "Which earlier tokens each token reads from."],
  ["logit-lens", "Logit lens", "What each layer would predict next."],
  ["next-token", "Next token", "The most likely next tokens, with their probabilities before and after the sampling settings."],
];

const section = (title, ...parts) => make("section", {}, make("h2", { textContent: title }), ...parts);

/** A number field with its label. */
function number(label, value, { min = 0, max = "", step = "any" }) {
  const input = make("input", { type: "number", min, max, step, value });
  return { label: make("label", {}, `${label} `, input), read: () => (input.reportValidity() ? input.valueAsNumber : undefined) };
}

/** Runs one generation at a time; the button also stops it. */
function writer(lab, button, say, settings) {
  let stopping = null;
  const name = button.textContent;
  return async (wish, onText) => {
    if (stopping) {
      stopping.abort();
      return null;
    }
    stopping = new AbortController();
    button.textContent = "Stop";
    say("");
    let text = "";
    const onToken = (token) => onText((text += token.text));
    try {
      const seed = crypto.getRandomValues(new Uint32Array(1))[0];
      const made = await lab.generate({ ...settings(), ...wish, seed, onToken, signal: stopping.signal });
      onText(made.text);
      say(`${made.tokensPerSecond?.toFixed(0) ?? "–"} tokens per second`);
      return made.text;
    } catch (error) {
      say(error.message, true);
      return null;
    } finally {
      stopping = null;
      button.textContent = name;
    }
  };
}

/** Sampling settings, initially those of the shared run. */
function sampling({ sampler }) {
  const fields = {
    maxTokens: number("Tokens", sampler.maxTokens, { min: 1, max: 4096, step: 1 }),
    temperature: number("Temperature", sampler.temperature, { max: 5 }),
    topK: number("Top k", sampler.topK, { step: 1 }),
    topP: number("Top p", sampler.topP, { min: 0.01, max: 1 }),
  };
  const read = () => ({ ...sampler, ...Object.fromEntries(Object.entries(fields).map(([name, { read }]) => [name, read()])) });
  return { fields: make("p", {}, ...Object.values(fields).map(({ label }) => label)), read };
}

/** A status line, announced by screen readers. */
function speaker() {
  const output = make("p", { className: "quiet" });
  output.setAttribute("role", "status");
  const say = (text, failed = false) => {
    output.textContent = text;
    output.className = failed ? "failure" : "quiet";
  };
  return { output, say };
}

function writing(lab, facts, tell) {
  const prompt = make("textarea", { value: facts.prompt, id: "prompt" });
  prompt.setAttribute("aria-label", "Prompt");
  const text = make("p", { id: "text" });
  const button = make("button", { className: "first", textContent: "Write", id: "write" });
  const { fields, read } = sampling(facts);
  const { output, say } = speaker();
  const write = writer(lab, button, say, read);
  button.addEventListener("click", () => write({ prompt: prompt.value }, (written) => (text.textContent = prompt.value + written)));
  prompt.addEventListener("change", () => tell(prompt.value));
  return section("Write", prompt, fields, button, output, text);
}

function chatting(lab, facts) {
  const messages = [];
  const turns = make("div");
  turns.setAttribute("aria-live", "polite");
  const field = make("textarea", { id: "prompt" });
  field.setAttribute("aria-label", "Message");
  const button = make("button", { className: "first", textContent: "Send", id: "write" });
  const again = make("button", { textContent: "New chat" });
  const { fields, read } = sampling(facts);
  const { output, say } = speaker();
  const write = writer(lab, button, say, read);
  const turn = (role, text) => {
    const element = make("p", { className: `turn ${role}`, textContent: text });
    turns.append(element);
    return element;
  };
  const send = async () => {
    if (button.textContent === "Stop") {
      write();
      return;
    }
    if (!field.value.trim()) return;
    const asked = { role: "user", content: field.value };
    messages.push(asked);
    turn("person", field.value);
    field.value = "";
    let element = null;
    // A new chat may start in the meantime.
    const isOn = () => messages.includes(asked);
    const reply = await write({ messages: [...messages] }, (text) => {
      if (isOn()) (element ??= turn("model", "")).textContent = text;
    });
    if (!isOn()) return;
    if (reply !== null) messages.push({ role: "assistant", content: reply });
    else messages.pop();
  };
  button.addEventListener("click", send);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  again.addEventListener("click", () => {
    if (button.textContent === "Stop") write();
    messages.length = 0;
    turns.replaceChildren();
  });
  return section("Chat", turns, field, fields, button, again, output);
}

/** The lens computes its views only when opened. */
function looking(lab, facts) {
  const field = make("input", { value: facts.prompt.trim() || "Once upon a time", id: "looked" });
  field.setAttribute("aria-label", "Text to look at");
  field.style.width = "100%";
  const elements = VIEWS.map(([view]) => {
    const lens = document.createElement("glasshouse-lens");
    lens.setAttribute("view", view);
    return lens;
  });
  const ask = (prompt) => elements.forEach((lens) => lens.setAttribute("prompt", prompt));
  const show = (prompt) => {
    field.value = prompt;
    if (details.open) ask(prompt);
  };
  const views = VIEWS.map(([, title, about], at) => [make("h3", { textContent: title }), make("p", { textContent: about, className: "quiet" }), elements[at]]);
  const details = make("details", {}, make("summary", { textContent: "Show three views of the model at work" }), make("p", {}, field), ...views.flat());
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    ask(field.value);
    for (const lens of elements) lens.lab ??= lab;
  });
  field.addEventListener("change", () => ask(field.value));
  return { element: section("Look inside", details), show };
}

function about({ about, card }, licences) {
  const list = make("dl", {}, ...about.flatMap(([name, text]) => [make("dt", { textContent: name }), make("dd", { textContent: text })]));
  const parts = [list];
  if (card) {
    const frame = make("iframe", { srcdoc: card, title: "Model card" });
    // No scripts, no forms, no origin.
    frame.setAttribute("sandbox", "");
    parts.push(make("details", {}, make("summary", { textContent: "Model card" }), frame));
  }
  parts.push(make("details", {}, make("summary", { textContent: "Licences of the software" }), make("pre", { textContent: licences })));
  return section("About this model", ...parts);
}

/** Opens the run in Glasshouse: in a new tab, or as a downloaded file. */
function opening({ file }, home, model) {
  const { output, say } = speaker();
  const save = make("button", { textContent: "Save as a project file", id: "save" });
  save.addEventListener("click", () => {
    const anchor = make("a", { href: URL.createObjectURL(new Blob([model])), download: file });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
    say(`${file} opens in Glasshouse: drop it on the window or the page, or run "glasshouse unpack ${file}".`);
  });
  const parts = [save];
  if (home) {
    const open = make("button", { className: "first", textContent: "Open in Glasshouse", id: "open" });
    open.addEventListener("click", () => {
      const page = new URL("?receive=1", home);
      const tab = window.open(page);
      if (!tab) {
        say("The browser blocked the new tab. Allow it, or save the project file and open that.", true);
        return;
      }
      say(`Waiting for ${page.host}.`);
      const hear = ({ source, origin, data }) => {
        if (source !== tab || origin !== page.origin || data?.glasshouse !== 1 || data.type !== "ready") return;
        removeEventListener("message", hear);
        tab.postMessage({ glasshouse: 1, type: "project", name: file, bytes: model.slice() }, page.origin);
        say(`Sent to ${page.host}, which asks before opening it.`);
      };
      addEventListener("message", hear);
    });
    parts.unshift(open);
  }
  return section("Train it further", make("p", { textContent: "In Glasshouse, this model is a run that you can fine-tune, inspect and export." }), ...parts, output);
}

/** Fills the page. */
export async function show({ facts, home, model, licences }) {
  const [main, state] = ["page", "state"].map((id) => document.getElementById(id));
  document.getElementById("title").textContent = facts.title;
  const lab = await Glasshouse.create({ device: facts.parameters > LARGE ? "auto" : "cpu", project: "Shared", keep: false });
  await lab.load(model);
  state.textContent = `${facts.summary} It runs in this page, in your browser; what you type stays here.`;
  const { element, show: look } = looking(lab, facts);
  main.append(facts.chat ? chatting(lab, facts) : writing(lab, facts, look), element, opening(facts, home, model), about(facts, licences));
}
