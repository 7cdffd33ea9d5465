// The JavaScript API, on a page of its own beside the app, and the example page.

import assert from "node:assert/strict";
import { plain } from "./site.mjs";

export async function the_script_trains_writes_saves_and_loads(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu" });
    const devices = await lab.devices();
    const plan = await lab.plan(tiny);
    const steps = [];
    const evaluations = [];
    const run = await lab.train({
      ...tiny,
      steps: 40,
      evalInterval: 20,
      onStep: (step) => steps.push(step),
      onEval: (evaluation) => evaluations.push(evaluation),
    });
    const tokens = [];
    const options = { prompt: "The", maxTokens: 30, temperature: 0, seed: 1 };
    const first = await lab.generate({ ...options, onToken: ({ text }) => tokens.push(text) });
    const bytes = await lab.save();
    await lab.close();
    const other = await Glasshouse.create({ device: "cpu", project: "Another" });
    const loaded = await other.load(bytes);
    const second = await other.generate(options);
    const bench = await other.bench({ ...tiny, text: undefined, repeats: 2 });
    const writing = await other.bench({ ...tiny, text: undefined, repeats: 1, timed: "decode", weights: "q8_0" });
    const looking = await other.bench({ ...tiny, text: undefined, repeats: 1, timed: "inspect", views: ["tokens", "logit-lens"] });
    await other.close();
    const storage = lab.storage.lasting;
    return { devices, plan, steps, evaluations, run, tokens, first, loaded, second, bench, writing, looking, storage };
  });
  assert.equal(result.devices[0].kind, "cpu");
  assert(result.plan.parameters > 10_000);
  assert.deepEqual(result.steps.map(({ step }) => step), Array.from({ length: 40 }, (_, at) => at + 1));
  assert(result.steps.at(-1).loss < result.steps[0].loss - 0.5, "the loss falls");
  assert.equal(result.run.finished, true);
  assert.equal(result.run.loss, result.steps.at(-1).loss);
  assert(result.evaluations.length >= 2 && Number.isFinite(result.evaluations[0].valLoss));
  assert.equal(result.tokens.join(""), result.first.text);
  assert.equal(result.first.ending, "max_tokens");
  assert.equal(result.loaded.runs.length, 1);
  assert.equal(result.second.text, result.first.text);
  assert(result.bench.ms_per_step > 0);
  assert.equal(result.writing.weights, "q8_0");
  assert(result.writing.prompt_tokens_per_s > 0 && result.writing.generated_tokens_per_s > 0);
  assert.deepEqual(result.looking.times.map(({ view }) => view), ["tokens", "logit-lens"]);
  assert(result.looking.times.every(({ ms, ms_first }) => ms >= 0 && ms_first > 0));
  assert.equal(result.storage, true);
}

export async function the_script_moderates_what_it_writes(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu" });
    await lab.train({ ...tiny, steps: 20 });
    const write = async (moderation) => {
      const shown = [];
      const onToken = ({ text }) => shown.push(text);
      const options = { prompt: "The", maxTokens: 100, temperature: 1, seed: 3, onToken };
      return { ...(await lab.generate({ ...options, moderation })), shown: shown.join("") };
    };
    const plain = await write(undefined);
    const found = await write({ mode: "replace", categories: ["profanity"], severity: "mild" });
    const caught = async (moderation) => write(moderation).then(() => null, ({ message }) => message);
    const unknown = await caught("hide");
    const untrained = await caught({ mode: "note", classifier: true });
    await lab.close();
    return { plain, found, unknown, untrained };
  });
  const { plain: unmoderated, found } = result;
  assert.deepEqual(unmoderated.moderated, {});
  assert.equal(found.shown, found.text, "no more is shown than the text");
  assert.deepEqual([found.text, found.moderated], [unmoderated.text, {}], "a story has no words of the list");
  assert.match(result.unknown, /hide/);
  assert.match(result.untrained, /no moderation-classifier\.json in .*train one on labelled rows/s);
}

export async function the_script_pauses_aborts_and_resumes(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu" });
    let last = 0;
    const reached = (step) =>
      new Promise((resolve) => {
        const look = setInterval(() => {
          if (last < step) return;
          clearInterval(look);
          resolve();
        }, 10);
      });
    const onStep = ({ step }) => (last = step);
    const training = lab.train({ ...tiny, steps: 100_000, evalInterval: 0, onStep });
    await reached(3);
    const second = await lab.train(tiny).catch(({ kind }) => kind);
    await lab.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const held = last;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const still = last;
    await lab.resume();
    await reached(held + 3);
    await lab.abort();
    const run = await training;
    const control = new AbortController();
    const again = lab.resume({ onStep, signal: control.signal });
    await reached(run.step + 3);
    control.abort();
    const resumed = await again;
    const stop = new AbortController();
    const writing = lab.generate({ prompt: "The", maxTokens: 100_000, signal: stop.signal, onToken: () => stop.abort() });
    const { ending } = await writing;
    await lab.close();
    return { second, held, still, run, resumed, ending };
  });
  assert.equal(result.second, "busy");
  assert.equal(result.still, result.held);
  assert.equal(result.run.state, "stopped");
  assert(!result.run.finished && result.run.step > result.held);
  assert(result.resumed.step > result.run.step);
  assert.equal(result.resumed.name, result.run.name);
  assert.equal(result.ending, "interrupted");
}

export async function the_script_refuses_a_second_run_at_once(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu" });
    // Both are called before either has sent anything.
    const outcomes = await Promise.allSettled([lab.train({ ...tiny, steps: 5 }), lab.train({ ...tiny, steps: 5, text: "other ".repeat(500) })]);
    const runs = await lab.runs();
    const third = await lab.train({ ...tiny, steps: 5 });
    const called = lab.train({ ...tiny, steps: 100_000 });
    await lab.abort();
    // Over before it began, or after some steps.
    const finished = await called.then(({ finished }) => finished, ({ kind }) => (kind === "cancelled" ? false : kind));
    await lab.close();
    const [first, second] = outcomes;
    return { first: first.value?.step, kind: second.reason?.kind, message: second.reason?.message, runs: runs.length, third: third.step, finished };
  });
  assert.deepEqual([result.first, result.runs, result.third, result.finished], [5, 1, 5, false]);
  assert.equal(result.kind, "busy");
  assert.match(result.message, /trains already/);
}

export async function a_refused_text_leaves_the_project_as_it_was(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const refused = (work) => work.then(() => null, ({ kind, message }) => ({ kind, message }));
    const lab = await Glasshouse.create({ device: "cpu" });
    const { text, ...own } = tiny;
    const first = await refused(lab.train({ ...tiny, steps: 2, text: "too short" }));
    // The built-in stories, as if nothing had been given.
    const embedded = await lab.train({ ...own, config: { ...own.config, data: { corpus_bytes: 60_000 } }, steps: 2 });
    const good = await lab.train({ ...tiny, steps: 2 });
    const second = await refused(lab.train({ ...tiny, steps: 2, text: "too short again" }));
    const kept = await lab.train({ ...own, steps: 2 });
    await lab.close();
    return { first, embedded, good, second, kept };
  });
  assert(result.first && result.second, "texts that are too short are refused");
  assert.equal(result.embedded.finished, true);
  // The same text and seed as before the refusal: the same loss.
  assert.equal(result.kept.loss, result.good.loss);
}

export async function the_script_names_what_is_wrong(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const caught = async (work) => {
      try {
        await work();
      } catch ({ name, kind, message, field }) {
        return { name, kind, message, field };
      }
      return null;
    };
    const lab = await Glasshouse.create({ device: "cpu" });
    const problems = [
      await caught(() => lab.train({ preset: "nanogpt-cpi" })),
      await caught(() => lab.train({ ...tiny, config: { model: { heads: 3 } } })),
      await caught(() => lab.generate({ prompt: "The", topP: 0 })),
      await caught(() => lab.load(new Uint8Array([1, 2, 3]))),
      await caught(() => lab.chooseDevice("Voodoo 2")),
    ];
    await lab.close();
    return problems;
  });
  for (const problem of result) assert.equal(problem?.name, "GlasshouseError");
  assert.match(result[0].message, /nanogpt-cpu/);
  assert.match(result[1].message, /heads/);
  assert.equal(result[3].kind, "refused");
  assert.match(result[4].message, /Voodoo/);
}

export async function the_example_trains_and_writes(site) {
  const page = await (await site.profile()).newPage();
  await page.goto(`${site.address}examples/plain.html?steps=15`);
  await page.getByText(/^Ready on /).waitFor();
  await page.fill("#text", "It was a dark and stormy night. ".repeat(300));
  await page.click("#train");
  await page.getByText(/^Trained 15 steps/).waitFor({ timeout: 180_000 });
  await page.waitForFunction(() => document.getElementById("story").textContent.length > 20);
}

export async function first_calls_at_once_open_one_project(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu", project: "At once" });
    const [runs, more, file] = await Promise.all([lab.runs(), lab.runs(), lab.save()]);
    await lab.close();
    const { EngineLink } = await import("/engine-link.js");
    const link = new EngineLink();
    link.listen(() => {});
    link.start();
    const { projects } = (await link.request({ command: "list_projects" })).find(({ event }) => event === "projects");
    link.close();
    return { names: projects.map(({ name }) => name), runs: [runs, more], bytes: file.length };
  });
  assert.deepEqual(result.names, ["At once"]);
  assert.deepEqual(result.runs, [[], []]);
  assert(result.bytes > 0);
}

export async function the_script_loads_files_and_cancels_what_it_asked(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const caught = (work) => work.then(() => null, ({ kind, message }) => ({ kind, message }));
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    const bytes = new Uint8Array(await (await fetch("/sample.glasshouse")).arrayBuffer());
    const loaded = await lab.load(new File([bytes], "sample.glasshouse"));
    const again = await lab.load(bytes.buffer);
    const wrong = await caught(lab.load(undefined));
    const stopped = new AbortController();
    stopped.abort();
    const early = await caught(lab.inspect({ prompt: "One day", views: "tokens", signal: stopped.signal }));
    const stopping = new AbortController();
    const prompts = Array.from({ length: 200 }, (_, at) => `One day ${at}`);
    const views = ["walk", "attention", "residual", "logit-lens", "weights", "graph"];
    const work = caught(lab.inspect({ prompts, views, signal: stopping.signal }));
    setTimeout(() => stopping.abort(), 20);
    const late = await work;
    const after = await lab.inspect({ prompt: "One day", views: "tokens", signal: new AbortController().signal });
    await lab.close();
    return { runs: [loaded.runs.length, again.runs.length], left: bytes.length, wrong, early, late, tokens: after.tokens.length };
  });
  assert(result.runs[0] > 0 && result.runs[0] === result.runs[1]);
  assert(result.left > 0, "the caller's bytes stay the caller's");
  assert.equal(result.wrong.kind, "invalid");
  assert.equal(result.early.kind, "cancelled");
  assert.equal(result.late?.kind, "cancelled");
  assert(result.tokens > 0);
}

export async function an_abort_resolves_when_the_run_is_saved(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const stored = async () => {
      const states = [];
      const walk = async (folder) => {
        for await (const [name, handle] of folder.entries()) {
          if (handle.kind === "directory") await walk(handle);
          else if (name === "run.json") states.push(JSON.parse(await (await handle.getFile()).text()).state);
        }
      };
      try {
        await walk(await navigator.storage.getDirectory());
        return states;
      } catch (error) {
        // Something was removed meanwhile.
        if (error.name === "NotFoundError") return stored();
        throw error;
      }
    };
    const lab = await Glasshouse.create({ device: "cpu", project: "Aborted" });
    // While it is prepared.
    let ended = null;
    const first = lab.train({ ...tiny, steps: 100_000 }).then(() => "run", ({ kind }) => kind).then((how) => (ended = how));
    await lab.abort();
    await new Promise((resolve) => setTimeout(resolve));
    const early = { ended, stored: await stored() };
    await first;
    // While it trains.
    let step;
    const begun = new Promise((resolve) => (step = resolve));
    const second = lab.train({ ...tiny, steps: 100_000, onStep: step });
    await begun;
    await lab.abort();
    const late = await stored();
    const run = await second;
    await lab.abort();
    await lab.close();
    return { early, late, finished: run.finished };
  });
  assert.deepEqual(result.early, { ended: "cancelled", stored: [] });
  assert.deepEqual(result.late, ["stopped"]);
  assert.equal(result.finished, false);
}

export async function a_garbled_request_is_an_error_and_ends_nothing(site) {
  const page = await plain(site);
  const result = await page.evaluate(async () => {
    const { EngineLink } = await import("/engine-link.js");
    const link = new EngineLink({ shelf: null });
    const reports = [];
    let heard;
    const next = () => new Promise((resolve) => (heard = resolve));
    link.listen((text) => {
      const report = JSON.parse(text);
      if (report.event.event !== "failed") return;
      reports.push([report.request ?? null, report.event.error.kind]);
      heard?.();
    });
    link.start();
    const caught = (work) => work.then(() => null, ({ kind }) => kind);
    const kinds = [];
    for (const request of ["{", "", "null", '{"id":"7","command":"list_projects"}', '{"id":900,"command":"lst"}', undefined]) {
      const told = next();
      link.send(request);
      await told;
    }
    kinds.push(await caught(link.request({ command: "lst" })), await caught(link.request(undefined)), await caught(link.request({ command: "hello" })));
    kinds.push(await caught(link.request({ command: "list_projects" }, { files: ["no file"] })), await caught(link.configure(undefined)));
    const listed = await link.request({ command: "list_projects" });
    const lost = link.lost;
    link.close();
    return { reports, kinds, listed: listed.map(({ event }) => event), lost };
  });
  assert.equal(result.lost, null);
  assert(result.reports.every(([, kind]) => kind === "invalid"), JSON.stringify(result.reports));
  assert.deepEqual(result.reports.slice(0, 6).map(([request]) => request), [null, null, null, null, 900, null]);
  assert.deepEqual(result.kinds, ["invalid", "invalid", "invalid", "invalid", "invalid"]);
  assert(result.listed.includes("projects"));
}
