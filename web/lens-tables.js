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

/** Name of a part of the model, in the order of contributions to the residual stream. */
export const partName = (part) => (part === 0 ? "embedding" : `${part % 2 === 1 ? "attention" : "MLP"} ${(part - 1) >> 1}`);
/** Name of a stage of the logit lens: the embedding, then the output of each layer. */
export const stageName = (stage) => (stage === 0 ? "embedding" : `layer ${stage - 1}`);

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

/** Texts of a view's token ids. */
export function textsOf({ inspection, seen }) {
  const listed = seen.details.filter(({ kind }) => kind === "tokens").flatMap(({ tokens }) => tokens);
  return new Map([...inspection.tokens, ...listed].map(({ id, text }) => [id, word(text)]));
}

/** The matrix of a tensor at the chosen layer and head, and the chosen indices; null if the tensor lacks the layer. */
export function slice({ data, shape, axes }, { seen, layer, head }) {
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
    [data, shape, axes] = [data.subarray(at * below, (at + 1) * below), rest, axes.slice(1)];
  }
  return { data, shape, axes, chosen };
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

/** A table of complete rows. */
const listed = (caption, head, rows) => table(caption, rows.length, 0, () => head, (at) => rows[at], 4 * ROWS);

/** Labels along axes, and formatting of entries. */
function wordsOf(view, about) {
  const { inspection, seen } = about;
  const texts = textsOf(about);
  const parameters = seen.details.find(({ kind }) => kind === "parameters") ?? { names: [], steps: [] };
  return {
    along(axis, at) {
      if (axis === "T") return word(inspection.tokens[at]?.text ?? String(at));
      if (axis === "P") return parameters.names[at] ?? String(at);
      if (axis === "M") return `step ${parameters.steps[at] ?? at}`;
      if (axis === "score") return MEASURES[at]?.[0] ?? String(at);
      if (axis === "part" || (axis === "stage" && view === "residual")) return partName(at);
      if (axis === "stage" && view === "logit-lens") return stageName(at);
      return String(at);
    },
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
    const [, { axes: [axis], shape: [count] }] = group[0];
    const names = group.map(([name]) => name);
    const row = (at) => [words.along(axis, at), ...group.map(([, tensor]) => words.entry(tensor, tensor.data[at]))];
    return table(names.join(", "), count, 0, () => [axis, ...names], row);
  });
}

/** A matrix, or the chosen slice of a larger tensor; null if it lacks the layer. */
function matrix(name, tensor, words, about) {
  const part = slice(tensor, about);
  if (!part) return null;
  const { data, shape: [rows, columns], axes, chosen } = part;
  const cells = (at, wide) => Array.from(data.subarray(at * columns, at * columns + wide), (value) => words.entry(tensor, value));
  const head = (wide) => [axes[0], ...Array.from({ length: wide }, (_, at) => words.along(axes[1], at))];
  const caption = [name, ...chosen, tensor.scope].filter(Boolean).join(", ");
  return table(caption, rows, columns, head, (at, wide) => [words.along(axes[0], at), ...cells(at, wide)]);
}

/** Tables of non-tensor details. */
const DETAILS = {
  passages({ passages, searched }) {
    const row = ({ tokens, activations, peak }) => [said(activations[peak]), word(tokens[peak].text), word(tokens.map(({ text }) => text).join(""))];
    return listed(`Strongest activations in ${searched} tokens of validation text`, ["activation", "at", "passage"], passages.map(row));
  },
  matches({ matches, found = 0, searched, indexBytes, buildMs }) {
    const documentOf = (document) => (document ? `${document[0] + 1}: ${word(document[1])}` : "–");
    const at = ({ token, document }) => (document === null ? String(token) : `${token} (document ${document + 1})`);
    const row = ({ start, length, occurrences, context, document, place, further = [] }) => [
      word(context[1]), String(start), String(length), String(occurrences), String(place ?? "–"), documentOf(document), further.map(at).join(", ") || "–",
    ];
    const made = buildMs > 0 ? `, made in ${buildMs.toFixed(0)} ms` : "";
    const which = found > matches.length ? `The longest ${matches.length} of ${found} spans` : "Spans";
    const caption = `${which} that occur in the training text, of ${searched} tokens, with an index of ${indexBytes} bytes${made}`;
    return listed(caption, ["span", "first token", "tokens", "times", "at token", "document", "further places"], matches.map(row));
  },
  formulas: ({ formulas }) => listed("Formulas", ["value", "formula"], formulas),
  graph({ nodes, values }) {
    const none = "–";
    const kernels = (node) => node.kernels.map(([name, times]) => `${name} × ${times}`).join(", ") || none;
    const row = (node) => [
      node.scope, node.operation, node.formula, node.inputs.join(" "), node.outputs.join(" "), kernels(node), node.ms === null ? none : said(node.ms),
    ];
    const head = ["scope", "operation", "formula", "reads", "writes", "kernels", "ms"];
    const operations = listed("Operations", head, nodes.map(row));
    const numbers = (four) => (four ? four.map(said) : Array(4).fill(none));
    const value = ({ name, ty, statistics, gradient }, at) => [String(at), name || none, ty, ...numbers(statistics), ...numbers(gradient)];
    const measures = ["smallest", "largest", "mean", "deviation"];
    const titles = ["value", "name", "type", ...measures, ...measures.map((measure) => `gradient's ${measure}`)];
    return [operations, listed("Values", titles, values.map(value))];
  },
};

/** A view's tensors and details as tables, and its notices. */
export function tables(view, about) {
  const { seen } = about;
  const words = wordsOf(view, about);
  const tensors = Object.entries(seen.tensors);
  const matrices = tensors.filter(([, { shape }]) => shape.length > 1).map(([name, tensor]) => matrix(name, tensor, words, about)).filter(Boolean);
  const details = seen.details.filter(({ kind }) => DETAILS[kind]).flatMap((detail) => DETAILS[detail.kind](detail));
  const notices = seen.notices.map((notice) => make("p", { textContent: notice }));
  return [...lists(tensors.filter(([, { shape }]) => shape.length === 1), words), ...matrices, ...details, ...notices];
}
