// Mirrors the app's interface as DOM elements for screen readers and scripts. The page's module sends the elements and their changes
// (app/src/link/mirror.rs); actions on an element are passed back to it.
//
// The elements are invisible and ignore the pointer, so that sighted users use the canvas. Each lies over the drawn widget, so that tools
// that highlight or click a position find the right one.

/** Roles with native elements; others use the attribute `role`. */
const TAGS = { text: "span", group: "div", button: "button", textbox: "input", heading: "h2" };

/** Keys that change numbers. */
const STEPS = { ArrowUp: "increment", ArrowRight: "increment", ArrowDown: "decrement", ArrowLeft: "decrement" };

export class Mirror {
  #root;
  #canvas;
  #act;
  #elements = new Map();

  /** `act(id, action, value)` receives actions on elements. */
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

  /** Keys work as in the app: those that an element does not handle go to the canvas. */
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
      // Browsers turn these keys into clicks on buttons.
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

  /** Applies a change: { top, changed, gone, focus }. */
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

  /** Sets an element's children. Children already in place are not moved, which would lose the keyboard focus. */
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
      // While the user types, the field is ahead of the app.
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
      // Text in addition to the name, such as a list's selection, generated text, or the number of entries of a fold.
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
    // The app has its own Tab order; elements are focusable only by script.
    if (role !== "text") set("tabindex", wanted.clickable || number || role === "textbox" ? "-1" : undefined);
    const [left, top, width, height] = wanted.place;
    element.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  }
}
