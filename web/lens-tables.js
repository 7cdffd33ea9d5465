// Every view of <glasshouse-lens> as tables: what screen readers read, and what is shown of views that have no picture.

/** Rows and columns of a table at most. */
const ROWS = 60;
const COLUMNS = 24;
/** Tensors whose entries are ids of tokens. */
const IDS = ["ids", "neighbours", "token", "top"];

/** What a head is called by, in the order of attention's scores. */
export const BEHAVIOURS = ["previous-token", "first-token", "duplicate-token", "induction"];

/** An element of a kind, with properties, and what is in it. */
export function make(kind, properties = {}, ...inner) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...inner);
  return element;
}

/** A number as it is read. */
export function said(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2);
  return Number.isInteger(value) ? String(value) : value.toFixed(4);
}

/** A token's text, with its line breaks seen. */
export const word = (text) => text.replaceAll("\n", "↵");

/** The texts of the tokens that a view's ids mean. */
export function textsOf({ inspection, seen }) {
  const listed = seen.details.filter(({ kind }) => kind === "tokens").flatMap(({ tokens }) => tokens);
  return new Map([...inspection.tokens, ...listed].map(({ id, text }) => [id, word(text)]));
}

/** The matrix at the chosen layer and head of a tensor of more axes, and what was chosen; null where it lacks the layer. */
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

function table(caption, head, rows) {
  const cell = (kind, text, scope) => {
    const made = make(kind, { textContent: text });
    if (scope) made.scope = scope;
    return made;
  };
  const row = ([first, ...rest]) => make("tr", {}, cell("th", first, "row"), ...rest.map((text) => cell("td", text)));
  const names = head.map((text) => cell("th", text, "col"));
  return make("table", {}, make("caption", { textContent: caption }), make("thead", {}, make("tr", {}, ...names)), make("tbody", {}, ...rows.map(row)));
}

/** What entries along axes stand for, and how entries are shown. */
function wordsOf(about) {
  const { inspection, seen } = about;
  const texts = textsOf(about);
  const parameters = seen.details.find(({ kind }) => kind === "parameters") ?? { names: [], steps: [] };
  return {
    along(axis, at) {
      if (axis === "T") return word(inspection.tokens[at]?.text ?? String(at));
      if (axis === "P") return parameters.names[at] ?? String(at);
      if (axis === "M") return `step ${parameters.steps[at] ?? at}`;
      return String(at);
    },
    entry: (name, value) => (IDS.includes(name) ? (texts.get(value) ?? String(value)) : said(value)),
  };
}

/** `surprise, rank (the first 60 of 200)`. */
function captionOf(name, count, most) {
  return count > most ? `${name} (the first ${most} of ${count})` : name;
}

/** Tensors of one axis, those of the same one side by side. */
function lists(tensors, words) {
  const groups = new Map();
  for (const [name, tensor] of tensors) {
    const key = `${tensor.axes[0]} ${tensor.shape[0]}`;
    groups.set(key, [...(groups.get(key) ?? []), [name, tensor]]);
  }
  return [...groups.values()].map((group) => {
    const [, { axes: [axis], shape: [count] }] = group[0];
    const names = group.map(([name]) => name);
    const cells = (at) => group.map(([name, { data }]) => words.entry(name, data[at]));
    const rows = Array.from({ length: Math.min(count, ROWS) }, (_, at) => [words.along(axis, at), ...cells(at)]);
    return table(captionOf(names.join(", "), count, ROWS), [axis, ...names], rows);
  });
}

/** A tensor of two axes, or what was chosen of one of more; null where that is not there. */
function matrix(name, tensor, words, about) {
  const part = slice(tensor, about);
  if (!part) return null;
  const { data, shape: [rows, columns], axes, chosen } = part;
  const shown = Math.min(columns, COLUMNS);
  const row = (at) => Array.from(data.subarray(at * columns, at * columns + shown), (value) => words.entry(name, value));
  const behaviours = tensor === about.seen.tensors.scores && columns === BEHAVIOURS.length;
  const head = Array.from({ length: shown }, (_, at) => (behaviours ? BEHAVIOURS[at] : words.along(axes[1], at)));
  const body = Array.from({ length: Math.min(rows, ROWS) }, (_, at) => [words.along(axes[0], at), ...row(at)]);
  const caption = [captionOf(name, columns, COLUMNS), ...chosen, tensor.scope].filter(Boolean).join(", ");
  return table(caption, [axes[0], ...head], body);
}

/** Tables of what is no tensor. */
const DETAILS = {
  passages({ passages, searched }) {
    const row = ({ tokens, activations, peak }) => [said(activations[peak]), word(tokens[peak].text), word(tokens.map(({ text }) => text).join(""))];
    return table(`Passages that excite it most, of ${searched} tokens of validation text`, ["activation", "at", "passage"], passages.map(row));
  },
  matches({ matches, searched, indexBytes, buildMs }) {
    const row = ({ start, length, occurrences, context, document }) => [
      word(context[1]), String(start), String(length), String(occurrences), document ? `${document[0] + 1}: ${word(document[1])}` : "–",
    ];
    const made = buildMs > 0 ? `, made in ${buildMs.toFixed(0)} ms` : "";
    const caption = `Stretches that stand in the training text, of ${searched} tokens, by an index of ${indexBytes} bytes${made}`;
    return table(caption, ["stretch", "first token", "tokens", "times", "document"], matches.map(row));
  },
  graph({ nodes, values }) {
    const [most, none] = [4 * ROWS, "–"];
    const kernels = (node) => node.kernels.map(([name, times]) => `${name} × ${times}`).join(", ") || none;
    const row = (node) => [
      node.scope, node.operation, node.formula, node.inputs.join(" "), node.outputs.join(" "), kernels(node), node.ms === null ? none : said(node.ms),
    ];
    const head = ["scope", "operation", "formula", "reads", "writes", "kernels", "ms"];
    const operations = table(captionOf("Operations", nodes.length, most), head, nodes.slice(0, most).map(row));
    const numbers = (four) => (four ? four.map(said) : Array(4).fill(none));
    const value = ({ name, ty, statistics, gradient }, at) => [String(at), name || none, ty, ...numbers(statistics), ...numbers(gradient)];
    const measures = ["smallest", "largest", "mean", "deviation"];
    const titles = ["value", "name", "type", ...measures, ...measures.map((measure) => `gradient's ${measure}`)];
    return [operations, table(captionOf("Values", values.length, most), titles, values.slice(0, most).map(value))];
  },
};

/** A view's tensors and details as tables, and its notices. */
export function tables(view, about) {
  const { seen } = about;
  const words = wordsOf(about);
  const tensors = Object.entries(seen.tensors);
  const matrices = tensors.filter(([, { shape }]) => shape.length > 1).map(([name, tensor]) => matrix(name, tensor, words, about)).filter(Boolean);
  const details = seen.details.filter(({ kind }) => DETAILS[kind]).flatMap((detail) => DETAILS[detail.kind](detail));
  const notices = seen.notices.map((notice) => make("p", { textContent: notice }));
  return [...lists(tensors.filter(([, { shape }]) => shape.length === 1), words), ...matrices, ...details, ...notices];
}
