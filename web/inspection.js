// Conversion between JavaScript's names and the protocol's, and inspection: views, request settings, and answers with tensors as typed
// arrays.

import { GlasshouseError } from "./engine-link.js";

/** Converts keys from the protocol's names to JavaScript's: `val_loss` to `valLoss`. */
export function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== "object") return value;
  const name = (key) => key.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), camel(inner)]));
}

/** Names of all views; a test writes the list from the engine's (engine/protocol/src/inspect.rs). */
export const VIEWS = [
  "attention", "walk", "tokens", "embeddings", "positions", "head", "residual", "logit-lens", "next-token", "weights",
  "what-if", "provenance", "graph",
];

/** The view of two models; `reference` names the other one. */
const DIFF = "diff";

/** Names of view and sampling settings in JavaScript and in the protocol. */
const SETTINGS = { layer: "layer", head: "head", position: "position", token: "token", count: "count",
  edits: "edits", everyPart: "every_part", otherPrompt: "other_prompt", heldOut: "held_out", alongRun: "along_run" };
const SAMPLING = { temperature: "temperature", topK: "top_k", topP: "top_p", minP: "min_p", repetitionPenalty: "repetition_penalty" };
/** Integer settings. */
const WHOLE = ["layer", "head", "position", "token", "count"];

/** The given options by the protocol's names. */
export function renamed(options, names) {
  const given = Object.entries(names).filter(([name]) => options[name] !== undefined && options[name] !== null);
  return Object.fromEntries(given.map(([name, theirs]) => [theirs, options[name]]));
}

/** View names of the protocol. */
export function viewsOf(views) {
  return [views ?? []].flat().map((view) => {
    if (view === DIFF || VIEWS.includes(view)) return view;
    const reason = `no view is called ${JSON.stringify(view)}; there are ${VIEWS.join(", ")}`;
    throw new GlasshouseError("invalid", reason, "views");
  });
}

/** The prompts of a request: one, or a non-empty list. */
export function promptsOf({ prompt, prompts }) {
  if (prompts === undefined) return [prompt ?? ""];
  const texts = Array.isArray(prompts) && prompts.length > 0 && prompts.every((text) => typeof text === "string");
  if (texts && prompt === undefined) return prompts;
  const reason = texts ? "prompt and prompts exclude each other" : "prompts must be a list of one or more texts";
  throw new GlasshouseError("invalid", reason, "prompts");
}

/** The settings of a request. */
export function settingsOf(options) {
  for (const name of WHOLE) {
    const value = options[name] ?? 0;
    if (Number.isInteger(value) && value >= 0) continue;
    throw new GlasshouseError("invalid", `${name} must be a whole number from 0 on, not ${value}`, name);
  }
  const { run, checkpoint = "best" } = options.reference ?? {};
  const reference = options.reference ? { of: "checkpoint", run, checkpoint } : null;
  return { ...renamed(options, SETTINGS), sampling: renamed(options, SAMPLING), reference };
}

/** A tensor as a typed array. Its bytes have their own buffer and are little-endian, as on every platform with a browser. */
function numbers({ element }, { buffer, byteOffset, byteLength }) {
  const Numbers = element === "u32" ? Uint32Array : Float32Array;
  return new Numbers(buffer, byteOffset, byteLength / 4);
}

/** The answers to several prompts, in the same order. */
export function each(events) {
  const [answers, others] = [true, false].map((is) => events.filter(({ event }) => (event === "inspected") === is));
  return answers.map((answer) => arranged([answer, ...others]));
}

/** The events of an answer merged into one, with tensors by view and name. Scopes distinguish tensors of the same name within a view. */
export function arranged(events) {
  const { inspection, files = [] } = events.find(({ event }) => event === "inspected");
  const charactersLost = events.find(({ event }) => event === "characters_lost")?.characters ?? "";
  const { views, ...about } = camel(inspection);
  let next = 0;
  const view = ({ view, tensors, details = [], notices = [], tables = [], ms }) => {
    const named = tensors.map((tensor) => {
      const { name, scope = "" } = tensor;
      const alone = tensors.filter((other) => other.name === name).length === 1;
      const shape = tensor.axes.map(({ size }) => size);
      const axes = tensor.axes.map((axis) => axis.name);
      const labels = tensor.axes.map((axis) => axis.labels ?? []);
      return [alone ? name : `${scope}.${name}`, { data: numbers(tensor, files[next++]), shape, axes, labels, scope, tokenIds: tensor.tokenIds ?? false }];
    });
    return [view, { tensors: Object.fromEntries(named), details, notices, tables, ms }];
  };
  return { ...about, charactersLost, views: Object.fromEntries(views.map(view)) };
}
