// How good a model is, and how safe: through the script, and on the page.

import assert from "node:assert/strict";
import { event, plain, send, until } from "./site.mjs";

/** Windows that the page must be usable in. */
const SIZES = [{ width: 1280, height: 800 }, { width: 390, height: 844 }];

export async function the_script_evaluates_audits_and_writes_a_card(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const caught = (work) => work.then(() => null, ({ name, kind, message }) => ({ name, kind, message }));
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    // Lines: of a text that is one document, passages are counted.
    const animals = ["fox", "dog", "owl", "cat", "hen"];
    const line = (_, at) => `The quick brown ${animals[at % 5]} jumps over the lazy ${animals[(at * 7 + 2) % 5]} and runs home.`;
    const text = Array.from({ length: 400 }, line).join("\n");
    const run = await lab.train({ ...tiny, text, steps: 60 });
    const rows = [{ prompt: "The quick brown", answer: "fox" }, { prompt: "The quick" }, { prompt: "jumps over the", answer: "lazy" }];
    const progress = new Set();
    const evaluation = await lab.evaluate({
      resamples: 200,
      tasks: [{ name: "qa.jsonl", text: rows.map((row) => JSON.stringify(row)).join("\n"), metrics: ["exact_match", "f1"], maxTokens: 5 }],
      onProgress: ({ what }) => progress.add(what),
    });
    const audit = await lab.audit({ sections: ["bias", "memorisation"], samples: 10 });
    const card = await lab.card(run.name);
    const latest = await lab.card();
    const kept = await lab.evaluations();
    const refused = [
      await caught(lab.evaluate({ likelihood: false, baselines: false })),
      await caught(lab.audit({ sections: ["bais"] })),
      await caught(lab.evaluate({ likelihood: false, baselines: false, tasks: [{ name: "empty.jsonl", text: "" }] })),
      await caught(lab.evaluate({ signal: AbortSignal.abort() })),
    ];
    await lab.close();
    return { run, evaluation, progress: [...progress], audit, card, same: card === latest, kept, refused };
  });

  const { evaluation, audit, card } = result;
  const { likelihood, baselines, tasks: [task] } = evaluation;
  assert.equal(evaluation.run, result.run.name);
  assert(result.progress.length >= 2 && result.progress.every((what) => what.length > 0), `${result.progress}`);
  const figure = (name) => likelihood.metrics.find((metric) => metric.name === name);
  for (const name of ["loss", "perplexity", "bits_per_byte", "token_accuracy"]) {
    const { value, interval, count } = figure(name);
    const [low, high] = interval;
    assert(low <= value && value <= high && low < high && count > 0, `${name}: ${value}, ${low} to ${high}, of ${count}`);
  }
  const [loss, perplexity, bits] = ["loss", "perplexity", "bits_per_byte"].map((name) => figure(name).value);
  assert(Math.abs(perplexity / Math.exp(loss) - 1) < 1e-6, `${perplexity} is not e to the ${loss}`);
  assert(likelihood.byDocument.length >= 2 && likelihood.tokens > 100 && likelihood.bytes > 100);
  // What needs no neural network, on the same text: the worst of it knows nothing.
  const named = Object.fromEntries(baselines.map((baseline) => [baseline.name, baseline.bitsPerByte.value]));
  for (const name of ["5-gram", "unigram", "uniform", "gzip", "xz"]) assert(named[name] > 0, `${name}: ${JSON.stringify(named)}`);
  assert(named.unigram < named.uniform && bits < named.uniform, `the model has ${bits}, ${JSON.stringify(named)}`);

  // The broken row is named, and the others are evaluated.
  assert.deepEqual([task.name, task.rows, task.broken.length, task.answers.length], ["qa.jsonl", 2, 1, 2]);
  assert.equal(task.broken[0][0], 2);
  assert.match(task.broken[0][1], /answer/);
  assert.deepEqual(task.metrics.map(({ name }) => name), ["exact_match", "f1"]);

  assert.deepEqual(audit.sections.map(({ name }) => name), ["bias", "memorisation"]);
  for (const { name, sample, limits, metrics, skipped } of audit.sections) {
    assert(skipped || (sample.length > 0 && limits.length > 0 && metrics.length > 0), `${name} says nothing of its sample`);
  }

  assert(card.startsWith("<!DOCTYPE html>"));
  for (const words of [bits.toFixed(4), "Bits per byte", "5-gram", "qa.jsonl", "Line 2", ...audit.sections.map(({ title }) => title)]) {
    assert(card.includes(words), `the card says nothing of ${words}`);
  }
  assert.doesNotMatch(card, /<script|src=|https?:/);
  assert.equal(result.same, true, "without a name it is the latest run's");
  assert.deepEqual(result.kept.evaluations.map(({ run }) => run), [result.run.name]);
  assert.equal(result.kept.audits[0].sections.length, 2);
  assert.deepEqual(result.kept.comparisons, []);

  for (const problem of result.refused) assert.equal(problem?.name, "GlasshouseError");
  assert.match(result.refused[0].message, /nothing to evaluate/);
  assert.match(result.refused[1].message, /bias/);
  assert.match(result.refused[2].message, /empty\.jsonl/);
  assert.equal(result.refused[3].kind, "cancelled");
}

export async function a_model_is_evaluated_between_the_steps_of_another_ones_training(site) {
  const page = await plain(site);
  const { steps, first, evaluation, cancelled, run } = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    const text = Array.from({ length: 400 }, (_, at) => `The quick brown fox number ${at % 17} runs home.`).join("\n");
    const first = await lab.train({ ...tiny, text, steps: 20 });
    let [last, reached] = [0, () => {}];
    const begun = new Promise((resolve) => (reached = resolve));
    const training = lab.train({ ...tiny, text, steps: 100_000, evalInterval: 0, onStep: ({ step }) => ((last = step), reached()) });
    await begun;
    const settings = { run: first.name, resamples: 200, baselines: false };
    const steps = [];
    const evaluation = await lab.evaluate({ ...settings, onProgress: () => steps.push(last) });
    const control = new AbortController();
    const { kind } = await lab.evaluate({ ...settings, signal: control.signal, onProgress: () => control.abort() }).catch((error) => error);
    await lab.abort();
    const run = await training;
    await lab.close();
    return { steps, first, evaluation, cancelled: kind, run };
  });
  assert.equal(evaluation.run, first.name);
  assert(evaluation.heldTrainingMs > 0, `${evaluation.heldTrainingMs} ms`);
  assert(steps.at(-1) > steps[0], `steps meanwhile: ${steps}`);
  assert.equal(cancelled, "cancelled");
  assert.equal(run.state, "stopped");
}

export async function the_page_evaluates_the_sample_and_keeps_what_was_found(site) {
  const [window, phone] = SIZES;
  const page = await site.tab(await site.profile({ viewport: phone }), "?page=evaluate&device=cpu");
  await until(page, ({ page, waiting }) => page === "evaluate" && waiting === 0, "the page");
  await page.getByRole("button", { name: "Evaluate", exact: true, disabled: false }).dispatchEvent("click");
  // Baselines stand beside the model, on a phone in a list: they are there when all is.
  await page.getByText("5-gram", { exact: true }).first().waitFor({ state: "attached", timeout: 120_000 });
  await until(page, ({ waiting }) => waiting === 0, "the evaluation's end");
  const runs = event(await send(page, { command: "list_runs" }), "runs").runs.map(({ name }) => name);
  const kept = event(await send(page, { command: "read_evaluations", runs }), "evaluations").evaluations;
  assert.equal(kept.length, 1, "it is kept with the run");
  const { value, interval } = kept[0].likelihood.metrics.find(({ name }) => name === "loss");
  assert(value > 0.1 && value < 4 && interval[0] <= value && value <= interval[1], `${value} of ${interval}`);
  const isRead = async () => {
    await page.getByText(value.toFixed(4)).first().waitFor({ state: "attached" });
    await page.getByText("Perplexity", { exact: true }).or(page.locator('[aria-label="Perplexity"]')).first().waitFor({ state: "attached" });
    await page.getByRole("figure", { name: /^Reliability diagram/ }).waitFor({ state: "attached" });
  };
  await isRead();
  await page.setViewportSize(window);
  // A row.
  await page.locator('[role="row"][aria-label^="5-gram,"]').waitFor({ state: "attached" });
  await isRead();
  const { messages } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.deepEqual(messages, []);
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.deepEqual(page.problems, []);
}
