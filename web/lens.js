// <glasshouse-lens src="my.glasshouse" view="attention" prompt="Once upon a time">: a view of a model, in anybody's page.
//
// Attributes: src (the address of a .glasshouse file), view, prompt, layer, head, step (of a checkpoint or milestone), device, base (where
// the engine's files lie), theme (light, dark; else the visitor's). Properties: lab (a Glasshouse of the page's own, in place of src),
// inspection. Method: refresh().
// Events: glasshouse-numbers (detail: the inspection), glasshouse-error (detail: the error). docs/embedding.md says more.

import { Glasshouse, GlasshouseError } from "./glasshouse.js";
import { draw } from "./lens-drawings.js";
import { STYLE } from "./lens-style.js";
import { make, tables, word } from "./lens-tables.js";

/** Milliseconds for which an engine that no element uses any more waits for another one. */
const LINGER = 5_000;

/** One for all elements; a page whose policy forbids styles of its own allows it. */
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(STYLE);

/** Engines by what they opened, and for whom they stay. */
const engines = new Map();

async function begin({ src, device, base }) {
  const lab = await Glasshouse.create({ device, base, project: "Embedded", keep: false });
  try {
    await lab.load(src);
    return lab;
  } catch (error) {
    lab.close();
    throw error;
  }
}

/** What tells engines apart. */
const keyOf = ({ src, device, base }) => JSON.stringify([src, device, base]);

/** The engine that has opened a file on a device: one for all elements. */
function take(place) {
  const key = keyOf(place);
  let engine = engines.get(key);
  if (!engine) {
    engine = { key, users: 0, lab: begin(place) };
    engines.set(key, engine);
    // What could not be opened is tried again by whoever asks next.
    engine.lab.catch(() => forget(engine));
  }
  engine.users += 1;
  clearTimeout(engine.timer);
  return engine;
}

function forget(engine) {
  if (engines.get(engine.key) === engine) engines.delete(engine.key);
}

function leave(engine) {
  engine.users -= 1;
  if (engine.users > 0) return;
  engine.timer = setTimeout(() => {
    forget(engine);
    engine.lab.then((lab) => lab.close()).catch(() => {});
  }, LINGER);
}

/** What of the prompt the model does not see, or else what a reader should know of the view. */
function noticesOf({ cut, charactersLost }, { notices }) {
  const tokens = cut === 1 ? "token is" : `${cut} tokens are`;
  const lost = [
    cut > 0 && `The first ${tokens} cut: the prompt exceeds the context length.`,
    charactersLost && `Not in the vocabulary, and left out: ${word(charactersLost)}`,
  ].filter(Boolean);
  return lost.length > 0 ? lost.join(" ") : (notices[0] ?? "");
}

class GlasshouseLens extends HTMLElement {
  static observedAttributes = ["src", "view", "layer", "head", "prompt", "step", "device", "base", "theme"];

  #engine = null;
  #lab = null;
  #inspection = null;
  /** The lab, or the engine's key, that was asked last. */
  #asked = null;
  /** What was asked for changed since. */
  #stale = false;
  /** Resolves when nothing is left to be asked; null where nothing is. */
  #work = null;
  /** Tables are wanted where there is a picture, too. */
  #asTables = false;
  #picture = make("div", { className: "picture" });
  #tables = make("div", { className: "tables away" });
  #said = make("output", { className: "said" });
  #state = make("p", { className: "state" });
  #button = make("button", { type: "button", textContent: "As a table" });
  #figure = make("figure");
  #scheme = matchMedia("(prefers-color-scheme: dark)");
  /** Colours that are painted, and not styled, are those of the theme of then. */
  #redraw = () => this.#draw();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.#state.setAttribute("role", "status");
    this.#button.setAttribute("aria-pressed", "false");
    this.#button.addEventListener("click", () => {
      this.#asTables = !this.#asTables;
      this.#button.setAttribute("aria-pressed", String(this.#asTables));
      this.#showTables(this.#asTables);
    });
    this.#tables.setAttribute("role", "region");
    this.#tables.setAttribute("aria-label", "The numbers as tables");
    this.#figure.setAttribute("role", "group");
    this.#figure.append(this.#state, this.#picture, this.#tables, make("figcaption", {}, this.#said, this.#button));
    root.adoptedStyleSheets = [SHEET];
    root.append(this.#figure);
  }

  connectedCallback() {
    // What a page has set before this module came is no property of the class yet.
    if (Object.hasOwn(this, "lab")) {
      const { lab } = this;
      delete this.lab;
      this.lab = lab;
    }
    this.#scheme.addEventListener("change", this.#redraw);
    this.refresh();
  }

  disconnectedCallback() {
    this.#scheme.removeEventListener("change", this.#redraw);
    this.#release();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === "theme") this.#draw();
    else this.refresh();
  }

  get lab() {
    return this.#lab;
  }

  set lab(lab) {
    this.#lab = lab;
    this.#release();
    if (this.isConnected) this.refresh();
  }

  get inspection() {
    return this.#inspection;
  }

  /** Asks for what the attributes say, and draws it. What changes meanwhile is asked for when that is there. */
  refresh() {
    this.#stale = true;
    this.#work ??= this.#ask();
    return this.#work;
  }

  async #ask() {
    try {
      while (this.#stale) {
        // Attributes that are set one after another are one question.
        await Promise.resolve();
        this.#stale = false;
        if (!this.isConnected || (!this.#lab && !this.getAttribute("src"))) return;
        await this.#answer();
      }
    } finally {
      // No moment lies between the last look at what is stale and this: what changes from here on begins anew.
      this.#work = null;
    }
  }

  /** Asks once, and draws the answer or says what is wrong. */
  async #answer() {
    try {
      const wish = this.#wish();
      const lab = this.#labOf();
      if (!this.#inspection) this.#tell("Loading the model…");
      const inspection = await this.#inspect(await lab, wish);
      if (!this.isConnected) return;
      this.#inspection = inspection;
      this.#tell("");
      this.#draw();
      this.dispatchEvent(new CustomEvent("glasshouse-numbers", { detail: inspection, bubbles: true, composed: true }));
    } catch (error) {
      if (!this.isConnected) return;
      // The next question begins a new engine.
      if (error.kind === "lost" && this.#engine) forget(this.#engine);
      this.#tell(error.message);
      this.dispatchEvent(new CustomEvent("glasshouse-error", { detail: error, bubbles: true, composed: true }));
    }
  }

  /** What a lab answers. Of a deep model it gives the attention of as many layers as fit: another one is asked for by itself. */
  async #inspect(lab, { layer, ...wish }) {
    // The small pictures show every layer.
    const [view] = wish.views;
    const every = view === "attention";
    const inspection = await lab.inspect(every ? wish : { ...wish, layer });
    if (!every || layer === undefined) return inspection;
    this.#check(inspection, layer);
    const { layers } = inspection.views[view].tensors;
    return !layers || layers.data.includes(layer) ? inspection : lab.inspect({ ...wish, layer });
  }

  /** What the attributes ask for. */
  #wish() {
    const whole = (name) => {
      const text = this.getAttribute(name);
      if (text === null || text === "") return undefined;
      if (/^\d{1,9}$/.test(text)) return Number(text);
      throw new GlasshouseError("invalid", `${name} must be a whole number from 0 on, not ${text}`, name);
    };
    const view = this.getAttribute("view") ?? "attention";
    const [layer, head, step] = ["layer", "head", "step"].map(whole);
    return { views: [view], prompt: this.getAttribute("prompt") ?? "", layer, head, step };
  }

  /** Refuses a layer that the model does not have, where it was not the engine that was asked for one. */
  #check({ layers }, layer) {
    if (layer < layers) return;
    throw new GlasshouseError("unknown", `there is no layer ${layer}; the nearest is ${layers - 1} (0 to ${layers - 1})`, "layer");
  }

  async #labOf() {
    if (this.#lab) {
      this.#meet(this.#lab);
      return this.#lab;
    }
    const place = { src: this.#address("src"), device: this.getAttribute("device") || "auto", base: this.#address("base") };
    const key = keyOf(place);
    this.#meet(key);
    if (this.#engine?.key !== key || engines.get(key) !== this.#engine) {
      this.#release();
      this.#engine = take(place);
    }
    return this.#engine.lab;
  }

  /** An attribute that is an address, seen from the page. */
  #address(name) {
    const text = this.getAttribute(name);
    if (!text) return undefined;
    try {
      return new URL(text, document.baseURI).href;
    } catch {
      throw new GlasshouseError("invalid", `${name} must be an address, not ${text}`, name);
    }
  }

  /** Puts another model's picture away. */
  #meet(model) {
    if (this.#asked === model) return;
    this.#asked = model;
    this.#inspection = null;
    this.#picture.replaceChildren();
    this.#tables.replaceChildren();
    this.#said.textContent = "";
    this.#button.hidden = true;
    this.#figure.removeAttribute("aria-label");
  }

  #release() {
    if (this.#engine) leave(this.#engine);
    this.#engine = null;
  }

  #tell(text) {
    this.#state.textContent = text;
    this.#state.hidden = text === "";
  }

  /** Shows tables in the picture's place, or leaves them to screen readers. */
  #showTables(shown) {
    this.#tables.classList.toggle("away", !shown);
    this.#tables.tabIndex = shown ? 0 : -1;
    this.#picture.hidden = shown;
  }

  #draw() {
    const inspection = this.#inspection;
    if (!inspection) return;
    const [[view, seen]] = Object.entries(inspection.views);
    const { tokens, run, step } = inspection;
    const prompt = tokens.map(({ text }) => text).join("");
    const name = `${view} of ${run} at step ${step}: ${prompt}`;
    this.#figure.setAttribute("aria-label", name);
    const say = (text) => (this.#said.textContent = text);
    const numberOf = (attribute) => Number(this.getAttribute(attribute) || 0);
    const choose = (layer, head) => {
      this.setAttribute("layer", layer);
      this.setAttribute("head", head);
    };
    const colour = (name) => getComputedStyle(this.#figure).getPropertyValue(name).trim();
    const layer = this.getAttribute("layer") ? numberOf("layer") : undefined;
    const about = { inspection, seen, layer, head: numberOf("head"), say, choose, colour };
    say(noticesOf(inspection, seen));
    // A picture that has the keyboard keeps it.
    const focused = this.shadowRoot.activeElement?.dataset.place;
    const picture = draw(view, about);
    this.#tables.replaceChildren(...tables(view, about));
    this.#picture.replaceChildren(...(picture ? [picture] : []));
    if (focused) this.#picture.querySelector(`[data-place="${focused}"]`)?.focus();
    // What has no picture is read as it is.
    this.#button.hidden = !picture;
    this.#showTables(!picture || this.#asTables);
  }
}

if (!customElements.get("glasshouse-lens")) customElements.define("glasshouse-lens", GlasshouseLens);
