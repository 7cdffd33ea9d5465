// The pictures of <glasshouse-lens>, one function per view with a picture.

import { MEASURES, NAMED, make, said, slice, textsOf, visible, word } from "./lens-tables.js";

/** Minimum attention for a line. */
const FAINT = 0.02;
/** Length in tokens of a span of training text with full intensity. */
const MEMORISED = 64;

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** The largest value; `Math.max(...values)` fails on long arrays. */
const largest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);

/** Magnitudes as an image with one pixel per entry. */
function heat(values, rows, columns, colour, highest = Math.max(largest(values), 1e-9)) {
  const canvas = make("canvas", { width: columns, height: rows });
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const number = Number.parseInt(colour.slice(1), 16);
  const { data } = image;
  for (let at = 0; at < values.length; at += 1) {
    data[4 * at] = number >> 16;
    data[4 * at + 1] = (number >> 8) & 255;
    data[4 * at + 2] = number & 255;
    data[4 * at + 3] = (255 * values[at]) / highest;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

const tokenNames = ({ tokens }) => tokens.map(({ text }) => visible(text));

/** Width in pixels that a heat map's cells fill, and the least and the largest side of a cell. */
const MAP = 420;
const [LEAST, MOST] = [14, 36];

/** A heat map with the names of its rows on the left and of its columns below; it scrolls if they need more room. */
function named(canvas, rows, columns) {
  const side = Math.max(LEAST, Math.min(MOST, Math.floor(MAP / columns.length)));
  const names = (kind, all) => make("div", { className: kind }, ...all.map((name) => make("span", { textContent: name, title: name })));
  const map = make("div", { className: "map", tabIndex: -1 }, names("rows", rows), canvas, make("i"), names("columns", columns));
  map.style.setProperty("--side", `${side}px`);
  Object.assign(canvas.style, { width: `${side * columns.length}px`, height: `${side * rows.length}px` });
  map.setAttribute("aria-hidden", "true");
  return map;
}

/** Calls `tell(row, column)` for the entry under the pointer. */
function onEntry(canvas, tell) {
  canvas.addEventListener("pointermove", (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const place = (at, from, size, count) => Math.min(count - 1, Math.max(0, Math.floor(((at - from) / size) * count)));
    tell(place(event.clientY, top, height, canvas.height), place(event.clientX, left, width, canvas.width));
  });
}

/** The prompt's tokens in a row, accessible by pointer and keyboard. */
function strip(tokens, enter) {
  const buttons = tokens.map(({ text }, at) => {
    const button = make("button", { type: "button", className: "token", textContent: word(text) });
    button.dataset.place = `token-${at}`;
    for (const event of ["pointerenter", "focus", "click"]) button.addEventListener(event, () => enter(at));
    return button;
  });
  const row = make("div", { className: "strip" }, ...buttons);
  return { row, buttons };
}

/** Lines from a token to the tokens that it attends to, with the attention as opacity. */
function drawLines(svg, buttons, at, shares) {
  const middle = ({ offsetLeft, offsetTop, offsetWidth }) => [offsetLeft + offsetWidth / 2, offsetTop];
  const [x, y] = middle(buttons[at]);
  const lines = shares.map((share, from) => {
    buttons[from].style.setProperty("--heat", share);
    if (share < FAINT || from === at) return null;
    const [fromX, fromY] = middle(buttons[from]);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", `M ${x} ${y} C ${x} ${y - 18} ${fromX} ${fromY - 18} ${fromX} ${fromY}`);
    path.style.opacity = share;
    return path;
  });
  svg.replaceChildren(...lines.filter(Boolean));
}

/** A head's name and the explanation of its measures; empty without measures. */
function behaviour(own) {
  if (own.length === 0) return ["", ""];
  const best = own.indexOf(Math.max(...own.filter(Number.isFinite)));
  const line = (at) => `${MEASURES[at][0]} ${own[at].toFixed(2)}`;
  const name = best >= 0 && own[best] >= NAMED ? line(best) : "mixed";
  return [`: ${name}`, MEASURES.map(([, means], at) => `\n${line(at)}: ${means}`).join("")];
}

/** All heads in miniature, as buttons. */
function miniatures({ seen, choose, colour }, layers, shown) {
  const { probabilities, scores } = seen.tensors;
  const [, heads, time] = probabilities.shape;
  const buttons = layers.flatMap((layer) =>
    Array.from({ length: heads }, (_, head) => {
      const { data } = slice(probabilities, { seen, layer, head });
      const own = scores ? [...scores.data.subarray((layer * heads + head) * 4, (layer * heads + head + 1) * 4)] : [];
      const [does, means] = behaviour(own);
      const name = `layer ${layer}, head ${head}${does}`;
      const button = make("button", { type: "button", title: name + means }, heat(data, time, time, colour("--accent"), 1));
      button.setAttribute("aria-label", name);
      button.setAttribute("aria-pressed", String(layer === shown.layer && head === shown.head));
      button.dataset.place = `head-${layer}-${head}`;
      button.addEventListener("click", () => choose(layer, head));
      return button;
    }),
  );
  const grid = make("div", { className: "heads" }, ...buttons);
  grid.style.gridTemplateColumns = `repeat(${heads}, minmax(0, 1fr))`;
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Heads");
  return grid;
}

function attention(about) {
  const { inspection, seen, say, colour } = about;
  const { tokens } = inspection;
  const { probabilities, layers } = seen.tensors;
  if (!probabilities) return null;
  const [depth, heads, time] = probabilities.shape;
  const known = layers ? [...layers.data] : [...Array(depth).keys()];
  const shown = { layer: about.layer ?? known.at(-1), head: Math.min(about.head, heads - 1) };
  const part = slice(probabilities, { seen, ...shown });
  if (!part) return null;
  const { data } = part;
  const quoted = (at) => `“${word(tokens[at].text)}”`;
  const large = heat(data, time, time, colour("--accent"), 1);
  onEntry(large, (to, from) => say(`${quoted(to)} at ${to} reads ${said(data[to * time + from])} from ${quoted(from)} at ${from}`));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const reads = (at) => Array.from(data.subarray(at * time, (at + 1) * time));
  const { row, buttons } = strip(tokens, (at) => {
    const shares = reads(at);
    drawLines(svg, buttons, at, shares);
    const most = shares.map((share, from) => [share, from]).sort(([one], [other]) => other - one).slice(0, 3);
    say(`${quoted(at)} reads from ${most.map(([share, from]) => `${quoted(from)} ${percent(share)}`).join(", ")}`);
  });
  row.append(svg);
  // Lines need the layout of the row, which exists once it is displayed.
  requestAnimationFrame(() => row.isConnected && drawLines(svg, buttons, inspection.position, reads(inspection.position)));
  const grid = depth * heads > 1 ? [miniatures(about, known, shown)] : [];
  const names = tokenNames(inspection);
  const title = make("p", { textContent: `Layer ${shown.layer}, head ${shown.head}: each row's token reads from the columns' tokens` });
  return make("div", {}, title, named(large, names, names), row, ...grid);
}

function tokens(about) {
  const { inspection, seen, say } = about;
  const { surprise, log_probabilities: logs, rank, ids } = seen.tensors;
  if (!surprise) return null;
  const highest = Math.max(...surprise.data, 1e-9);
  const { row, buttons } = strip(inspection.tokens, (at) => {
    const name = `“${word(inspection.tokens[at].text)}”, token ${ids.data[at]}`;
    const likely = `${percent(Math.exp(logs.data[at]))}, ${surprise.data[at].toFixed(2)} bits, rank ${rank.data[at]}`;
    say(at === 0 ? `${name}: no context` : `${name}: ${likely}`);
  });
  buttons.forEach((button, at) => button.style.setProperty("--heat", surprise.data[at] / highest));
  return row;
}

/** Rows of name, bars and value. */
function bars(rows) {
  const row = ([name, marks, value]) => [make("span", { className: "word", textContent: name, title: name }), make("span", { className: "bar" }, ...marks), make("span", { textContent: value })];
  return make("div", { className: "bars" }, ...rows.flatMap(row));
}

function mark(left, width, kind = "") {
  const bar = make("i", { className: kind });
  Object.assign(bar.style, { left: `${100 * left}%`, width: `${100 * width}%` });
  return bar;
}

/** A bar from the middle, to the left for negative values. */
function signed(value, highest) {
  const width = Math.abs(value) / highest / 2;
  return value < 0 ? mark(0.5 - width, width, "negative") : mark(0.5, width);
}

/** Token probabilities before and after an intervention. */
function beforeAndAfter(about, ids, before, after) {
  const texts = textsOf(about);
  const highest = Math.max(...before, ...after, 1e-9);
  const row = (id, at) => {
    const marks = [mark(0, before[at] / highest), mark(0, after[at] / highest, "second")];
    return [texts.get(id) ?? String(id), marks, `${percent(before[at])} → ${percent(after[at])}`];
  };
  return bars(Array.from(ids, row));
}

function nextToken(about) {
  const { ids, probability, drawn } = about.seen.tensors;
  if (!ids || !probability || !drawn) return null;
  return beforeAndAfter(about, ids.data, probability.data, drawn.data);
}

function logitLens(about) {
  const { inspection, seen, say } = about;
  const { top, probabilities, divergence } = seen.tensors;
  if (!top || !probabilities || !divergence) return null;
  const texts = textsOf(about);
  const { shape: [stages, time], labels: [labels] } = top;
  const cell = (stage, at) => {
    const place = stage * time + at;
    const text = texts.get(top.data[place]) ?? String(top.data[place]);
    const [share, bits] = [probabilities.data[place], divergence.data[place]];
    const made = make("td", { className: "heat word", textContent: text });
    made.title = `${percent(share)}, ${bits.toFixed(2)} bits from the last`;
    made.style.setProperty("--heat", share);
    made.addEventListener("pointerenter", () => say(`${labels[stage]}, after “${word(inspection.tokens[at].text)}”: “${text}” ${made.title}`));
    return made;
  };
  const row = (stage) => make("tr", {}, make("th", { textContent: labels[stage], scope: "row" }), ...Array.from({ length: time }, (_, at) => cell(stage, at)));
  const heads = tokenNames(inspection).map((textContent) => make("th", { className: "word", textContent, scope: "col" }));
  const caption = make("caption", { textContent: "The most likely next token at each layer" });
  return make("table", {}, caption, make("tr", {}, make("td"), ...heads), ...Array.from({ length: stages }, (_, stage) => row(stage)));
}

function residual(about) {
  const { inspection, seen, say, colour } = about;
  const { attribution, norms, token } = seen.tensors;
  if (!attribution || !norms) return null;
  const highest = Math.max(...attribution.data.map(Math.abs), 1e-9);
  const row = (value, part) => [attribution.labels[0][part], [signed(value, highest)], said(value)];
  const [stages, time] = norms.shape;
  const map = heat(norms.data, stages, time, colour("--accent"));
  onEntry(map, (stage, at) => say(`norm after ${norms.labels[0][stage]} at “${word(inspection.tokens[at].text)}”: ${said(norms.data[stage * time + at])}`));
  const text = token ? textsOf(about).get(token.data[0]) : undefined;
  const title = text === undefined ? "Contribution of each part to the logit" : `Contribution of each part to the logit of “${text}”`;
  const norm = make("p", { textContent: "Norm of the residual stream, from the embedding down" });
  return make("div", {}, make("p", { textContent: title }), bars(Array.from(attribution.data, row)), norm, named(map, norms.labels[0], tokenNames(inspection)));
}

/** The similarity matrix of positions; `say` shows the entry under the pointer. */
function positions({ inspection, seen, say, colour }) {
  const { similarity } = seen.tensors;
  if (!similarity) return null;
  const { data, shape: [count] } = similarity;
  // Negative cosines are shown as 0.
  const map = heat(data.map((value) => Math.max(value, 0)), count, count, colour("--accent"), 1);
  onEntry(map, (one, other) => say(`positions ${one} and ${other}: ${said(data[one * count + other])}`));
  const title = make("p", { textContent: "Similarity of positions: from the first, down and to the right" });
  const texts = tokenNames(inspection);
  const names = Array.from({ length: count }, (_, at) => (at < texts.length ? `${at} ${texts[at]}` : `${at}`));
  return make("div", {}, title, named(map, names, names));
}

/** The embedding map, with labels for the prompt's tokens, the selected token and its neighbours. */
function embeddings(about) {
  const { inspection, seen, say, colour } = about;
  const { map, ids, neighbours, cosines, token } = seen.tensors;
  if (!map || !ids || !neighbours || !token) return null;
  const texts = textsOf(about);
  const name = (id) => texts.get(id) ?? `#${id}`;
  const [xs, ys] = [0, 1].map((axis) => Array.from(ids.data, (_, at) => map.data[2 * at + axis]));
  const span = (all) => [Math.min(...all), Math.max(Math.max(...all) - Math.min(...all), 1e-9)];
  const [[left, width], [low, height]] = [span(xs), span(ys)];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-4 -6 120 112");
  svg.setAttribute("aria-hidden", "true");
  const of = (kind, properties, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const near = new Map(Array.from(neighbours.data, (id, at) => [id, cosines.data[at]]));
  const [looked] = token.data;
  const here = new Set([...inspection.tokens.map(({ id }) => id), looked, ...near.keys()]);
  const marks = Array.from(ids.data, (id, at) => {
    const [x, y] = [((xs[at] - left) / width) * 100, 100 - ((ys[at] - low) / height) * 100];
    const fill = colour(id === looked ? "--second" : here.has(id) ? "--accent" : "--quiet");
    const dot = of("circle", { cx: x, cy: y, r: here.has(id) ? 1.2 : 0.5, fill });
    const how = near.has(id) ? `: cosine ${said(near.get(id))} to “${name(looked)}”` : "";
    dot.addEventListener("pointerenter", () => say(`“${name(id)}”${how}`));
    return here.has(id) ? [dot, of("text", { x: x + 1.8, y: y + 1, fill: colour("--text") }, name(id))] : [dot];
  });
  // Labelled points are drawn on top.
  marks.sort((one, other) => one.length - other.length);
  svg.append(...marks.flat());
  const title = make("p", { textContent: `Nearest to “${name(looked)}”, by cosine` });
  const list = bars([...near].map(([id, cosine]) => [name(id), [mark(0, Math.max(cosine, 0))], said(cosine)]));
  return make("div", {}, make("div", { className: "points" }, svg), title, list);
}

/** A head's scores before and after the softmax. */
function head({ inspection, seen, say, colour }) {
  const { scores, probabilities } = seen.tensors;
  if (!scores || !probabilities) return null;
  const time = inspection.tokens.length;
  const quoted = (at) => `“${word(inspection.tokens[at].text)}”`;
  const map = (title, { data }, shown, highest) => {
    const canvas = heat(shown, time, time, colour("--accent"), highest);
    onEntry(canvas, (to, from) => {
      const value = isSeen(to * time + from) ? said(data[to * time + from]) : "masked";
      say(`${title} of ${quoted(to)} and ${quoted(from)}: ${value}`);
    });
    const names = tokenNames(inspection);
    return make("div", {}, make("p", { textContent: title }), named(canvas, names, names));
  };
  // Later positions, and those before a sliding window, are masked.
  const isSeen = (at) => at % time <= Math.floor(at / time) && probabilities.data[at] > 0;
  const own = scores.data.filter((_, at) => isSeen(at));
  const lowest = own.reduce((least, value) => Math.min(least, value), Infinity);
  const highest = largest(own);
  const above = scores.data.map((value, at) => (isSeen(at) ? value - lowest : 0));
  return make("div", { className: "beside" }, map("q·k / √D", scores, above, Math.max(highest - lowest, 1e-9)), map("softmax", probabilities, probabilities.data, 1));
}

function whatIf(about) {
  const { ids, before_listed: before, after_listed: after, divergence } = about.seen.tensors;
  if (!ids || !before || !after || !divergence) return null;
  const title = `The next token before and after the change: ${divergence.data[0].toFixed(3)} bits apart (KL)`;
  return make("div", {}, make("p", { textContent: title }), beforeAndAfter(about, ids.data, before.data, after.data));
}

/** The text, each token shaded by the longest span through it that occurs in the training text. */
function provenance({ inspection, seen, say }) {
  const matches = seen.details.find(({ kind }) => kind === "matches")?.matches;
  if (!matches) return null;
  const { longest } = seen.tensors;
  // Spans count from the beginning of the whole text; the context may hold only its end.
  const span = (at) => {
    const place = at + inspection.cut;
    const through = matches.filter(({ start, length }) => start <= place && place < start + length);
    return through.reduce((best, match) => (match.length > (best?.length ?? 0) ? match : best), null);
  };
  const lengthAt = (at) => longest?.data[at] ?? span(at)?.length ?? 0;
  const { row, buttons } = strip(inspection.tokens, (at) => {
    const [match, length] = [span(at), lengthAt(at)];
    const listed = match ? `“${word(match.context[1])}”: ${match.length} tokens, ${match.occurrences} times in the training text` : "";
    say(listed || (length > 0 ? `in a span of ${length} tokens that occurs in the training text` : "in no span of the training text: composed"));
  });
  buttons.forEach((button, at) => button.style.setProperty("--heat", Math.min(lengthAt(at) / MEMORISED, 1)));
  return row;
}

const DRAWINGS = {
  attention, embeddings, head, positions, provenance, residual, tokens, "logit-lens": logitLens, "next-token": nextToken, "what-if": whatIf,
};

/** A view's picture, or null for views with only tables. */
export function draw(view, about) {
  return DRAWINGS[view]?.(about) ?? null;
}
