// <glasshouse-lens src="my.glasshouse" view="attention" prompt="Once upon a time">: a view of a model in any page.
//
// Attributes: src (URL of a .glasshouse file), view, prompt, layer, head, step (of a checkpoint or milestone), device, base (URL of the
// engine's folder), theme (light or dark [default: the visitor's]). Properties: lab (a Glasshouse of the page, instead of src), inspection.
// Method: refresh().
// Events: glasshouse-numbers (detail: the inspection), glasshouse-error (detail: the error). See docs/embedding.md.

import { Glasshouse, GlasshouseError } from "./glasshouse.js";
import { draw } from "./lens-drawings.js";
import { STYLE } from "./lens-style.js";
import { make, tables, word } from "./lens-tables.js";

/** Milliseconds before an unused engine is closed. */
const LINGER = 5_000;

/** Shared by all elements. A constructed style sheet also works under a content security policy that forbids inline styles. */
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(STYLE);

/** Engines by key, with their number of users. */
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

/** The key of an engine. */
const keyOf = ({ src, device, base }) => JSON.stringify([src, device, base]);

/** The engine for a file and device, shared by all elements. */
function take(place) {
  const key = keyOf(place);
  let engine = engines.get(key);
  if (!engine) {
    engine = { key, users: 0, lab: begin(place) };
    engines.set(key, engine);
    // After a failure, the next element tries again.
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

/** A notice about the parts of the prompt that the model does not see, or else the view's own notice. */
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
  /** The last used lab or engine key. */
  #asked = null;
  /** Whether the request has changed since the last answer. */
  #stale = false;
  /** Resolves when all requests are answered; null if there are none. */
  #work = null;
  /** Whether to show tables also for views with a picture. */
  #asTables = false;
  #picture = make("div", { className: "picture" });
  #tables = make("div", { className: "tables away" });
  #said = make("output", { className: "said" });
  #state = make("p", { className: "state" });
  #button = make("button", { type: "button", textContent: "As a table" });
  #figure = make("figure");
  #scheme = matchMedia("(prefers-color-scheme: dark)");
  /** Canvas colours do not follow the theme, so theme changes redraw. */
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
    // A property set before the element was defined shadows the accessor of the class.
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

  /** Requests and draws the view. Changes in the meantime are requested afterwards. */
  refresh() {
    this.#stale = true;
    this.#work ??= this.#ask();
    return this.#work;
  }

  async #ask() {
    try {
      while (this.#stale) {
        // Batches attributes set in succession.
        await Promise.resolve();
        this.#stale = false;
        if (!this.isConnected || (!this.#lab && !this.getAttribute("src"))) return;
        await this.#answer();
      }
    } finally {
      // Runs synchronously after the last check of `#stale`, so that no change is lost.
      this.#work = null;
    }
  }

  /** Sends one request and draws the answer or shows the error. */
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
      // The next request starts a new engine.
      if (error.kind === "lost" && this.#engine) forget(this.#engine);
      this.#tell(error.message);
      this.dispatchEvent(new CustomEvent("glasshouse-error", { detail: error, bubbles: true, composed: true }));
    }
  }

  /** Inspects the model. For deep models, attention is returned for as many layers as fit; other layers need their own request. */
  async #inspect(lab, { layer, ...wish }) {
    // The miniatures show every layer.
    const [view] = wish.views;
    const every = view === "attention";
    const inspection = await lab.inspect(every ? wish : { ...wish, layer });
    if (!every || layer === undefined) return inspection;
    this.#check(inspection, layer);
    const { layers } = inspection.views[view].tensors;
    return !layers || layers.data.includes(layer) ? inspection : lab.inspect({ ...wish, layer });
  }

  /** The request described by the attributes. */
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

  /** Rejects a layer that does not exist, if the engine was not asked for it. */
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

  /** A URL attribute, resolved relative to the page. */
  #address(name) {
    const text = this.getAttribute(name);
    if (!text) return undefined;
    try {
      return new URL(text, document.baseURI).href;
    } catch {
      throw new GlasshouseError("invalid", `${name} must be a URL, not ${text}`, name);
    }
  }

  /** Clears the view if the model has changed. */
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

  /** Shows tables instead of the picture, or leaves them to screen readers. */
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
    // Keeps the keyboard focus in the picture.
    const focused = this.shadowRoot.activeElement?.dataset.place;
    const picture = draw(view, about);
    this.#tables.replaceChildren(...tables(about));
    this.#picture.replaceChildren(...(picture ? [picture] : []));
    if (focused) this.#picture.querySelector(`[data-place="${focused}"]`)?.focus();
    // Views without a picture always show tables.
    this.#button.hidden = !picture;
    this.#showTables(!picture || this.#asTables);
  }
}

if (!customElements.get("glasshouse-lens")) customElements.define("glasshouse-lens", GlasshouseLens);
