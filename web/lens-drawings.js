// The pictures of <glasshouse-lens>, a function for each view that has one.

import { BEHAVIOURS, make, said, slice, textsOf, word } from "./lens-tables.js";

/** Attention below this is no line. */
const FAINT = 0.02;

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Magnitudes as a picture of an entry a pixel. */
function heat(values, rows, columns, colour, highest = Math.max(...values, 1e-9)) {
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

/** Calls `tell(row, column)` for the entry under the pointer. */
function onEntry(canvas, tell) {
  canvas.addEventListener("pointermove", (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const place = (at, from, size, count) => Math.min(count - 1, Math.max(0, Math.floor(((at - from) / size) * count)));
    tell(place(event.clientY, top, height, canvas.height), place(event.clientX, left, width, canvas.width));
  });
}

/** The prompt's tokens in a row, each to be pointed at or reached by the keyboard. */
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

/** Lines from a token to those that it reads from, as strong as it reads. */
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

/** All heads in miniature, to choose one. */
function miniatures({ seen, choose, colour }, layers, shown) {
  const { probabilities, scores } = seen.tensors;
  const [, heads, time] = probabilities.shape;
  const buttons = layers.flatMap((layer) =>
    Array.from({ length: heads }, (_, head) => {
      const { data } = slice(probabilities, { seen, layer, head });
      const own = scores ? [...scores.data.subarray((layer * heads + head) * 4, (layer * heads + head + 1) * 4)] : [];
      const best = own.indexOf(Math.max(...own));
      const name = `layer ${layer}, head ${head}${best >= 0 ? `: ${BEHAVIOURS[best]} ${own[best].toFixed(2)}` : ""}`;
      const button = make("button", { type: "button", title: name }, heat(data, time, time, colour("--accent"), 1));
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
  // Lines need places, which the row has once it is shown.
  requestAnimationFrame(() => row.isConnected && drawLines(svg, buttons, inspection.position, reads(inspection.position)));
  const grid = depth * heads > 1 ? [miniatures(about, known, shown)] : [];
  return make("div", {}, ...grid, make("div", { className: "map" }, large), row);
}

function tokens(about) {
  const { inspection, seen, say } = about;
  const { surprise, log_probabilities: logs, rank, ids } = seen.tensors;
  if (!surprise) return null;
  const highest = Math.max(...surprise.data, 1e-9);
  const { row, buttons } = strip(inspection.tokens, (at) => {
    const name = `“${word(inspection.tokens[at].text)}”, token ${ids.data[at]}`;
    const likely = `${percent(Math.exp(logs.data[at]))}, ${surprise.data[at].toFixed(2)} bits, rank ${rank.data[at]}`;
    say(at === 0 ? `${name}: nothing stands before it` : `${name}: ${likely}`);
  });
  buttons.forEach((button, at) => button.style.setProperty("--heat", surprise.data[at] / highest));
  return row;
}

/** Rows of a name, bars, and what they come to. */
function bars(rows) {
  const row = ([name, marks, value]) => [make("span", { className: "word", textContent: name, title: name }), make("span", { className: "bar" }, ...marks), make("span", { textContent: value })];
  return make("div", { className: "bars" }, ...rows.flatMap(row));
}

function mark(left, width, kind = "") {
  const bar = make("i", { className: kind });
  Object.assign(bar.style, { left: `${100 * left}%`, width: `${100 * width}%` });
  return bar;
}

function nextToken(about) {
  const { ids, probability, drawn } = about.seen.tensors;
  if (!ids || !probability || !drawn) return null;
  const texts = textsOf(about);
  const highest = Math.max(...probability.data, ...drawn.data, 1e-9);
  const row = (id, at) => {
    const [before, after] = [probability.data[at], drawn.data[at]];
    const marks = [mark(0, before / highest), mark(0, after / highest, "second")];
    return [texts.get(id) ?? String(id), marks, `${percent(before)} → ${percent(after)}`];
  };
  return bars(Array.from(ids.data, row));
}

function logitLens(about) {
  const { inspection, seen, say } = about;
  const { top, probabilities, divergence } = seen.tensors;
  if (!top || !probabilities || !divergence) return null;
  const texts = textsOf(about);
  const [stages, time] = top.shape;
  const name = (stage) => (stage < stages - 1 ? `before layer ${stage}` : "the last");
  const cell = (stage, at) => {
    const place = stage * time + at;
    const text = texts.get(top.data[place]) ?? String(top.data[place]);
    const [share, bits] = [probabilities.data[place], divergence.data[place]];
    const made = make("td", { className: "heat word", textContent: text });
    made.title = `${percent(share)}, ${bits.toFixed(2)} bits from the last`;
    made.style.setProperty("--heat", share);
    made.addEventListener("pointerenter", () => say(`${name(stage)}, after “${word(inspection.tokens[at].text)}”: “${text}” ${made.title}`));
    return made;
  };
  const row = (stage) => make("tr", {}, make("th", { textContent: name(stage), scope: "row" }), ...Array.from({ length: time }, (_, at) => cell(stage, at)));
  const heads = inspection.tokens.map(({ text }) => make("th", { className: "word", textContent: word(text), scope: "col" }));
  const caption = make("caption", { textContent: "The likeliest next token, were each layer the last" });
  return make("table", {}, caption, make("tr", {}, make("td"), ...heads), ...Array.from({ length: stages }, (_, stage) => row(stage)));
}

function residual(about) {
  const { inspection, seen, say, colour } = about;
  const { attribution, norms, token } = seen.tensors;
  if (!attribution || !norms) return null;
  const name = (part) => (part === 0 ? "embedding" : `${part % 2 === 1 ? "attention" : "MLP"} ${(part - 1) >> 1}`);
  const highest = Math.max(...attribution.data.map(Math.abs), 1e-9);
  const row = (value, part) => {
    const width = Math.abs(value) / highest / 2;
    const bar = value < 0 ? mark(0.5 - width, width, "negative") : mark(0.5, width);
    return [name(part), [bar], said(value)];
  };
  const [stages, time] = norms.shape;
  const map = heat(norms.data, stages, time, colour("--accent"));
  map.style.height = `${12 * stages}px`;
  onEntry(map, (stage, at) => say(`norm after ${name(stage)} at “${word(inspection.tokens[at].text)}”: ${said(norms.data[stage * time + at])}`));
  const text = token ? textsOf(about).get(token.data[0]) : undefined;
  const title = text === undefined ? "What each part adds to the logit" : `What each part adds to the logit of “${text}”`;
  const norm = make("p", { textContent: "Norm of the residual stream, from the embedding down" });
  return make("div", {}, make("p", { textContent: title }), bars(Array.from(attribution.data, row)), norm, map);
}

const DRAWINGS = { attention, tokens, "next-token": nextToken, "logit-lens": logitLens, residual };

/** A view's picture; null where its tables are all there is. */
export function draw(view, about) {
  return DRAWINGS[view]?.(about) ?? null;
}
