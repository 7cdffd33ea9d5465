// Every view of <glasshouse-lens> as tables, for screen readers and for views without a picture.

/** Initial rows and columns of a table. */
const ROWS = 60;
const COLUMNS = 24;

/** Names and explanations of the attention scores, in order; a test compares them with the application's. */
export const MEASURES = [
  ["previous token", "Mean attention from each token to the one before it."],
  ["first token", "Mean attention from each token to the first of the text: where idle heads attend."],
  ["duplicate token", "Mean attention from a token to an earlier equal token."],
  ["induction", "Mean attention, on a repeated random sequence, to the token after the earlier occurrence, which is likely to come next here too (Olsson et al. 2022)."],
];
/** Minimum score for naming a head after a measure. */
export const NAMED = 0.35;

/** Creates an element with properties and children. */
export function make(kind, properties = {}, ...inner) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...inner);
  return element;
}

/** A number as text. */
export function said(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2);
  return Number.isInteger(value) ? String(value) : value.toFixed(4);
}

/** A token's text with visible line breaks. */
export const word = (text) => text.replaceAll("\n", "↵");

/** A token's text with all its white space visible. */
export const visible = (text) => word(text).replaceAll(" ", "·").replaceAll("\t", "→");

/** Texts of a view's token ids. */
export function textsOf({ inspection, seen }) {
  const listed = seen.details.filter(({ kind }) => kind === "tokens").flatMap(({ tokens }) => tokens);
  return new Map([...inspection.tokens, ...listed].map(({ id, text }) => [id, word(text)]));
}

/** The matrix of a tensor at the chosen layer and head, and the chosen indices; null if the tensor lacks the layer. */
export function slice({ data, shape, axes, labels }, { seen, layer, head }) {
  const chosen = [];
  while (shape.length > 2) {
    const [size, ...rest] = shape;
    const { data: known = [] } = seen.tensors.layers ?? {};
    const layers = known.length === size ? [...known] : [...Array(size).keys()];
    const place = { L: layer === undefined ? size - 1 : layers.indexOf(layer), H: head }[axes[0]] ?? 0;
    if (place < 0) return null;
    const at = Math.min(place, size - 1);
    const below = rest.reduce((product, own) => product * own, 1);
    chosen.push(`${axes[0]} ${axes[0] === "L" ? layers[at] : at}`);
    [data, shape, axes, labels] = [data.subarray(at * below, (at + 1) * below), rest, axes.slice(1), labels.slice(1)];
  }
  return { data, shape, axes, labels, chosen };
}

/** `rows 1 to 60 of 262`, or nothing if all are shown. */
const cutOf = (what, shown, all) => (shown < all ? `${what} 1 to ${shown} of ${all}` : "");

/**
 * A table that shows its first rows and columns, with buttons for more. `head(columns)` returns the column headings, `row(at, columns)`
 * the name of a row and its cells.
 */
function table(caption, rows, columns, head, row, begin = ROWS) {
  const whole = make("div", { className: "grown" });
  const cell = (kind, text, scope) => {
    const made = make(kind, { textContent: text });
    if (scope) made.scope = scope;
    return made;
  };
  const draw = (tall, wide) => {
    const [first, ...names] = head(wide);
    const line = (at) => {
      const [name, ...cells] = row(at, wide);
      return make("tr", {}, cell("th", name, "row"), ...cells.map((text) => cell("td", text)));
    };
    const heads = [first, ...names].map((text) => cell("th", text, "col"));
    const cut = [cutOf("rows", tall, rows), cutOf("columns", wide, columns)].filter(Boolean).join(", ");
    const title = make("caption", { textContent: cut ? `${caption} (${cut})` : caption });
    const body = Array.from({ length: tall }, (_, at) => line(at));
    const more = (what, next) => {
      const button = make("button", { type: "button", className: "more", textContent: `More ${what}` });
      button.addEventListener("click", () => {
        draw(...next);
        (whole.querySelector(`.more[data-of=${what}]`) ?? whole.querySelector(".more"))?.focus();
      });
      button.dataset.of = what;
      return button;
    };
    const buttons = [
      ...(tall < rows ? [more("rows", [Math.min(2 * tall, rows), wide])] : []),
      ...(wide < columns ? [more("columns", [tall, Math.min(2 * wide, columns)])] : []),
    ];
    whole.replaceChildren(make("table", {}, title, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body)), ...buttons);
  };
  draw(Math.min(rows, begin), Math.min(columns, COLUMNS));
  return whole;
}

/** Labels along a tensor's axes, and formatting of its entries. */
function wordsOf(about) {
  const { tokens } = about.inspection;
  const texts = textsOf(about);
  return {
    along: ({ axes, labels }, axis, at) => (axes[axis] === "T" ? word(tokens[at]?.text ?? String(at)) : (labels[axis][at] ?? String(at))),
    entry: ({ tokenIds }, value) => (tokenIds ? (texts.get(value) ?? String(value)) : said(value)),
  };
}

/** One-dimensional tensors; those with the same axis share a table. */
function lists(tensors, words) {
  const groups = new Map();
  for (const [name, tensor] of tensors) {
    const key = `${tensor.axes[0]} ${tensor.shape[0]}`;
    groups.set(key, [...(groups.get(key) ?? []), [name, tensor]]);
  }
  return [...groups.values()].map((group) => {
    const [, first] = group[0];
    const { axes: [axis], shape: [count] } = first;
    const names = group.map(([name]) => name);
    const row = (at) => [words.along(first, 0, at), ...group.map(([, tensor]) => words.entry(tensor, tensor.data[at]))];
    return table(names.join(", "), count, 0, () => [axis, ...names], row);
  });
}

/** A matrix, or the chosen slice of a larger tensor; null if it lacks the layer. */
function matrix(name, tensor, words, about) {
  const part = slice(tensor, about);
  if (!part) return null;
  const { data, shape: [rows, columns], axes, chosen } = part;
  const cells = (at, wide) => Array.from(data.subarray(at * columns, at * columns + wide), (value) => words.entry(tensor, value));
  const head = (wide) => [axes[0], ...Array.from({ length: wide }, (_, at) => words.along(part, 1, at))];
  const caption = [name, ...chosen, tensor.scope].filter(Boolean).join(", ");
  return table(caption, rows, columns, head, (at, wide) => [words.along(part, 0, at), ...cells(at, wide)]);
}

/** A table of the engine's, with all rows. */
function listed({ title, about, columns, rows }) {
  // Too many numbers to read; the terminal leaves them out as well.
  if (columns.at(-1) === "activations") [columns, rows] = [columns.slice(0, -1), rows.map((row) => row.slice(0, -1))];
  const caption = title[0].toUpperCase() + title.slice(1) + (about ? `: ${about}` : "");
  const number = (cell) => (Number.isInteger(cell) ? String(cell) : said(cell));
  const text = (cell) => (typeof cell === "number" ? number(cell) : word(cell) || "–");
  return table(caption, rows.length, 0, () => columns, (at) => rows[at].map(text), 4 * ROWS);
}

/** A view's tensors and details as tables, and its notices. */
export function tables(about) {
  const { seen } = about;
  const words = wordsOf(about);
  const tensors = Object.entries(seen.tensors);
  const matrices = tensors.filter(([, { shape }]) => shape.length > 1).map(([name, tensor]) => matrix(name, tensor, words, about)).filter(Boolean);
  const notices = seen.notices.map((notice) => make("p", { textContent: notice }));
  return [...lists(tensors.filter(([, { shape }]) => shape.length === 1), words), ...matrices, ...seen.tables.map(listed), ...notices];
}
