// <glasshouse-lens src="my.glasshouse" view="attention" prompt="Once upon a time">: a view of a model, in anybody's page.
//
// Attributes: src (the address of a .glasshouse file), view, prompt, layer, head, step (of a checkpoint or milestone), device, theme (light,
// dark; else the visitor's). Properties: lab (a Glasshouse of the page's own, in place of src), inspection. Method: refresh().
// Events: glasshouse-numbers (detail: the inspection), glasshouse-error (detail: the error). docs/embedding.md says more.

import { Glasshouse, GlasshouseError } from "./glasshouse.js";
import { draw } from "./lens-drawings.js";
import { STYLE } from "./lens-style.js";
import { make, tables } from "./lens-tables.js";

/** Milliseconds for which an engine that no element uses any more waits for another one. */
const LINGER = 5_000;

/** Engines by what they opened, and for whom they stay. */
const engines = new Map();

async function begin(src, device) {
  const lab = await Glasshouse.create({ device, project: "Embedded", keep: false });
  try {
    await lab.load(src);
    return lab;
  } catch (error) {
    lab.close();
    throw error;
  }
}

/** The engine that has opened a file on a device: one for all elements. */
function take(src, device) {
  const key = JSON.stringify([src, device]);
  let engine = engines.get(key);
  if (!engine) {
    engine = { key, users: 0, lab: begin(src, device) };
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

class GlasshouseLens extends HTMLElement {
  static observedAttributes = ["src", "view", "layer", "head", "prompt", "step", "device", "theme"];

  #engine = null;
  #lab = null;
  #inspection = null;
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
    root.append(make("style", { textContent: STYLE }), this.#figure);
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
    this.#work ??= this.#ask().finally(() => (this.#work = null));
    return this.#work;
  }

  async #ask() {
    while (this.#stale) {
      // Attributes that are set one after another are one question.
      await Promise.resolve();
      this.#stale = false;
      if (!this.isConnected || (!this.#lab && !this.hasAttribute("src"))) return;
      try {
        const wish = this.#wish();
        if (!this.#inspection) this.#tell("Loading the model…");
        const inspection = await (await this.#labOf()).inspect(wish);
        if (!this.isConnected) return;
        this.#check(inspection);
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
    // The small pictures show every layer.
    const of = view === "attention" ? {} : { layer };
    return { views: [view], prompt: this.getAttribute("prompt") ?? "", head, step, ...of };
  }

  /** Refuses a layer that the model does not have, where it was not the engine that was asked for one. */
  #check({ layers }) {
    const layer = Number(this.getAttribute("layer") ?? 0);
    if (layer < layers) return;
    throw new GlasshouseError("refused", `there is no layer ${layer}; the nearest is ${layers - 1} (0 to ${layers - 1})`, "layer");
  }

  async #labOf() {
    if (this.#lab) return this.#lab;
    const src = new URL(this.getAttribute("src"), document.baseURI).href;
    const device = this.getAttribute("device") || "auto";
    const key = JSON.stringify([src, device]);
    if (this.#engine?.key !== key || engines.get(key) !== this.#engine) {
      this.#release();
      this.#engine = take(src, device);
    }
    return this.#engine.lab;
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
    const { tokens, cut, run, step } = inspection;
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
    say(cut > 0 ? `The first ${cut} tokens are cut: the context has no room for them.` : (seen.notices[0] ?? ""));
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

customElements.define("glasshouse-lens", GlasshouseLens);
