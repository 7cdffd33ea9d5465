// The app's interface as elements beside its canvas, which screen readers and scripts can find, read and use. The page's module says
// what there is and what changes (app/src/link/mirror.rs); what is done to an element goes back to it.
//
// The elements are invisible and let the pointer through: who sees the canvas uses the canvas. They lie where the app draws what they
// stand for, so that what marks or clicks a place finds the right one.

/** Roles that a page has elements for; the others are said by the attribute. */
const TAGS = { text: "span", group: "div", button: "button", textbox: "input", heading: "h2" };

/** Keys by which numbers are changed. */
const STEPS = { ArrowUp: "increment", ArrowRight: "increment", ArrowDown: "decrement", ArrowLeft: "decrement" };

export class Mirror {
  #root;
  #canvas;
  #act;
  #elements = new Map();

  /** `act(id, action, value)` is told what is done to an element. */
  constructor(root, canvas, act) {
    this.#root = root;
    this.#canvas = canvas;
    this.#act = act;
    root.addEventListener("click", ({ target }) => this.#tell(target, "click"));
    root.addEventListener("focusin", ({ target }) => this.#tell(target, "focus"));
    root.addEventListener("input", ({ target }) => this.#tell(target, "set_value", target.value));
    root.addEventListener("keydown", (event) => this.#press(event));
  }

  #tell(target, action, value) {
    const id = target.closest?.("[data-node]")?.dataset.node;
    if (id) this.#act(id, action, value);
  }

  /** Keys mean on an element what they mean where the app draws it: what a field does not take itself goes to the canvas. */
  #press(event) {
    const { target, key } = event;
    const role = target.getAttribute("role") ?? target.localName;
    if (target.matches("input, textarea")) {
      const writes = key.length === 1 || ["Backspace", "Delete", "Home", "End"].includes(key) || key.startsWith("Arrow");
      if (writes || event.isComposing || (key === "Enter" && target.localName === "textarea" && event.shiftKey)) return;
    } else if ((role === "slider" || role === "spinbutton") && STEPS[key]) {
      event.preventDefault();
      this.#tell(target, STEPS[key]);
      return;
    } else if (key === "Enter" || key === " ") {
      // A button's own key is a click, which comes by itself.
      if (target.localName !== "button") {
        event.preventDefault();
        this.#tell(target, "click");
      }
      return;
    }
    event.preventDefault();
    this.#canvas.focus();
    const { code, shiftKey, ctrlKey, altKey, metaKey } = event;
    const kept = { key, code, shiftKey, ctrlKey, altKey, metaKey, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", kept));
    document.activeElement.dispatchEvent(new KeyboardEvent("keyup", kept));
  }

  /** Takes in what changed: { top, changed, gone, focus }. */
  update({ top, changed, gone, focus }) {
    for (const [id, wanted] of Object.entries(changed)) this.#show(id, wanted);
    for (const [id, { children }] of Object.entries(changed)) this.#fill(this.#elements.get(id), children ?? []);
    this.#fill(this.#root, top);
    for (const id of gone) {
      this.#elements.get(id)?.remove();
      this.#elements.delete(id);
    }
    if (focus) this.#canvas.setAttribute("aria-activedescendant", `node-${focus}`);
    else this.#canvas.removeAttribute("aria-activedescendant");
  }

  /** Gives an element its parts in their order; those that stand right are left alone, so that none loses the keyboard. */
  #fill(element, ids) {
    let place = element.firstElementChild;
    for (const id of ids) {
      const child = this.#elements.get(id);
      if (child === place) place = place.nextElementSibling;
      else element.insertBefore(child, place);
    }
  }

  #show(id, wanted) {
    const tag = wanted.role === "textbox" && wanted.multiline ? "textarea" : (TAGS[wanted.role] ?? "div");
    let element = this.#elements.get(id);
    if (element?.localName !== tag) {
      const fresh = document.createElement(tag);
      if (element) {
        fresh.append(...element.children);
        element.replaceWith(fresh);
      }
      element = fresh;
      element.id = `node-${id}`;
      element.dataset.node = id;
      this.#elements.set(id, element);
    }
    const set = (name, value) => {
      if (value === undefined || value === null || value === false) element.removeAttribute(name);
      else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    };
    const { role, name, value, number, toggled } = wanted;
    if (role === "text" || role === "heading") {
      if (element.textContent !== name) element.textContent = name;
    } else {
      if (!TAGS[role]) set("role", role);
      set("aria-label", name || undefined);
    }
    if (role === "textbox") {
      // While it is written in, the field is ahead of the app.
      if (document.activeElement !== element && element.value !== (value ?? "")) element.value = value ?? "";
      set("placeholder", wanted.placeholder);
      element.disabled = Boolean(wanted.disabled);
    } else if (role === "button") {
      element.disabled = Boolean(wanted.disabled);
      set("aria-pressed", toggled);
    } else {
      set("aria-disabled", wanted.disabled ? "true" : undefined);
      set(role === "tab" || role === "option" ? "aria-selected" : "aria-checked", toggled);
      set("aria-valuetext", number ? value : undefined);
    }
    if (role !== "textbox" && role !== "text" && role !== "heading" && !number) {
      // A text beside its name: what was chosen from a list, what a model wrote, how many a fold has.
      set("aria-description", wanted.description ?? (value || undefined));
      if (element.firstChild?.nodeType !== Node.TEXT_NODE) element.prepend("");
      if (element.firstChild.data !== (value ?? "")) element.firstChild.data = value ?? "";
    }
    set("aria-expanded", wanted.expanded?.toString());
    if (number) {
      set("aria-valuenow", number[0]);
      set("aria-valuemin", number[1]);
      set("aria-valuemax", number[2]);
    }
    // The app has an order of its own for the Tab key; here only what looks for an element gives it the keyboard.
    if (role !== "text") set("tabindex", wanted.clickable || number || role === "textbox" ? "-1" : undefined);
    const [left, top, width, height] = wanted.place;
    element.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  }
}
