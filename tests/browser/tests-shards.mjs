// Training on the CPU divided among workers, on a page without special headers: that it is the same training, that the
// workers end with it, what happens when one is lost, and what is said of them before.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { losses, serve } from "./site.mjs";

/** A decoder with dropout whose steps are long enough to be divided, in three batches that cannot be halved. */
const WISH = {
  preset: "nanogpt-cpu",
  steps: 6,
  seed: 5,
  config: {
    data: { corpus_bytes: 60_000 },
    model: { layers: 2, width: 64, dropout: { embedding: 0.1, attention: 0.1, residual: 0.1 } },
    train: { batch_size: 5, accumulate: 3, eval_interval: 3, eval_batches: 3, checkpoint_interval: 100 },
  },
};

/** The same in batches of one window, of which whole ones must be shared out. */
const NARROW = { ...WISH, train: { batch_size: 1, accumulate: 8 } };

/** Put before shard-link.js: tells the page of workers that start and end, and of what they are sent. */
const COUNTED = `
const channel = new BroadcastChannel("workers");
globalThis.Worker = class extends Worker {
  constructor(...all) {
    super(...all);
    channel.postMessage({ workers: 1, tasks: 0 });
  }
  postMessage(message, ...all) {
    super.postMessage(message, ...all);
    channel.postMessage({ workers: 0, tasks: message.memory ? 1 : 0 });
  }
  terminate() {
    super.terminate();
    channel.postMessage({ workers: -1, tasks: 0 });
  }
};
`;

/** Put before shard-link.js: a worker ends without a word of its own when it is sent its fourth task. */
const KILLED = `
let messages = 0;
globalThis.Worker = class extends Worker {
  postMessage(...all) {
    messages += 1;
    if (messages < 5) super.postMessage(...all);
    else this.dispatchEvent(new ErrorEvent("error", { message: "ended by a test" }));
  }
};
`;

/** Put before shard-link.js: a worker's script is not there. */
const MISSING = `
globalThis.Worker = class extends Worker {
  constructor(script, options) {
    super(\`\${script}.missing\`, options);
  }
};
`;

/** A page of the site's origin without the app, with `before` put before shard-link.js. */
async function bare(site, before = "") {
  const context = await site.profile({ serviceWorkers: "block" });
  await context.route("**/plain", (route) => route.fulfill({ body: "<!doctype html>", contentType: "text/html" }));
  await context.route("**/shard-link.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: before + (await response.text()) });
  });
  const page = await context.newPage();
  await page.goto(`${site.address}plain`);
  return page;
}

/**
 * Trains with an engine of `address` on so many cores: losses by step, then those of evaluations; notices, the run's device, and the
 * workers meanwhile and after.
 */
async function trained(page, address, threads, wish = WISH) {
  const work = async ([address, threads, wish]) => {
    const { EngineLink } = await import(`${address}engine-link.js`);
    const workers = { now: 0, most: 0, tasks: 0 };
    const channel = new BroadcastChannel("workers");
    channel.onmessage = ({ data }) => {
      workers.now += data.workers;
      workers.tasks += data.tasks;
      workers.most = Math.max(workers.most, workers.now);
    };
    const link = new EngineLink({ base: new URL(address), threads });
    link.start();
    await link.request({ command: "hello", version: 1, device: "cpu" });
    await link.request({ command: "create_project", name: "Shares" });
    const config = await link.configure(wish);
    const events = await link.request({ command: "train", config });
    const end = performance.now() + 5000;
    while (workers.now > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    link.close();
    return { events, workers, cores: navigator.hardwareConcurrency };
  };
  const found = await page.evaluate(work, [address, threads, wish]);
  const happened = found.events.filter(({ event }) => event === "training").flatMap(({ events }) => events);
  const notices = happened.filter(({ event }) => event === "notice").map(({ text }) => text);
  const { run } = found.events.findLast(({ event }) => event === "training_ended");
  const evaluated = happened.filter(({ event }) => event === "eval").flatMap((found) => [found.train_loss, found.val_loss]);
  return { ...found, losses: [...Object.values(losses(found.events)), ...evaluated], notices, device: run.device };
}

/** Workers that two cores are divided among, on this machine. */
const possible = (cores) => Math.min(2, cores);

/** Losses of the steps and of evaluations before the first, after the third and after the last. */
const LOSSES = WISH.steps + 2 * 3;

export async function training_is_divided_among_workers_that_end_with_it(site) {
  const page = await bare(site, COUNTED);
  for (const wish of [WISH, NARROW]) {
    const alone = await trained(page, site.address, 1, wish);
    const divided = await trained(page, site.address, 2, wish);
    assert.deepEqual(alone.workers, { now: 0, most: 0, tasks: 0 });
    assert.doesNotMatch(alone.device, /workers/);
    assert.equal(divided.losses.length, LOSSES);
    divided.losses.forEach((loss, at) => {
      assert(Math.abs(loss - alone.losses[at]) < 1e-4, `loss ${at + 1}: ${loss} divided, ${alone.losses[at]} alone`);
    });
    assert.deepEqual(divided.notices, []);
    const { now, most, tasks } = divided.workers;
    assert.deepEqual({ now, most }, { now: 0, most: possible(divided.cores) - 1 });
    if (possible(divided.cores) === 1) continue;
    assert.match(divided.device, /2 workers/);
    // One of every step, and one or more of each split of an evaluation.
    assert(tasks >= LOSSES, `${tasks} tasks`);
  }
}

export async function a_lost_worker_changes_nothing_but_the_time(site) {
  for (const wish of [WISH, NARROW]) {
    const whole = await trained(await bare(site), site.address, 2, wish);
    for (const before of [KILLED, MISSING]) {
      const lost = await trained(await bare(site, before), site.address, 2, wish);
      assert.deepEqual(lost.losses, whole.losses);
      assert.equal(lost.device, whole.device);
      if (possible(lost.cores) === 1) continue;
      assert.equal(lost.notices.length, 1, JSON.stringify(lost.notices));
      assert.match(lost.notices[0], /continues without it/);
    }
  }
}

export async function an_engine_of_another_origin_divides_training_too(site) {
  const folder = mkdtempSync(join(tmpdir(), "glasshouse-page-"));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
  const engine = await serve(() => site.folder, { "access-control-allow-origin": "*" });
  const pages = await serve(() => folder);
  try {
    const page = await (await site.profile()).newPage();
    await page.goto(pages.address);
    const found = await trained(page, engine.address, 2);
    assert.equal(found.losses.length, LOSSES);
    assert.deepEqual(found.notices, []);
    if (possible(found.cores) === 2) assert.match(found.device, /2 workers/);
  } finally {
    engine.server.close();
    pages.server.close();
    rmSync(folder, { recursive: true });
  }
}

export async function a_divided_run_pauses_stops_and_continues_with_the_same_losses(site) {
  const page = await bare(site);
  // Long enough that a pause comes before its part ends, on a fast machine too.
  const long = { ...WISH, steps: 90, train: { eval_interval: 0 } };
  const whole = await trained(page, site.address, 2, long);
  const work = async ([address, wish]) => {
    const { EngineLink } = await import(`${address}engine-link.js`);
    const link = new EngineLink({ base: new URL(address), threads: 2 });
    link.start();
    await link.request({ command: "hello", version: 1, device: "cpu" });
    await link.request({ command: "create_project", name: "In parts" });
    const config = await link.configure(wish);
    let steps = 0;
    let training;
    await new Promise((begun) => {
      const onEvent = ({ event, events }) => {
        if (event !== "training") return;
        steps += events.filter((happened) => happened.event === "step").length;
        begun();
      };
      training = link.request({ command: "train", config, stop_after: 60 }, { onEvent });
    });
    await link.request({ command: "steer", action: "pause" });
    const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    await wait(200);
    const held = steps;
    await wait(300);
    const still = steps;
    await link.request({ command: "steer", action: "continue" });
    const part = await training;
    const rest = await link.request({ command: "resume", run: null });
    link.close();
    return { held, still, part, rest };
  };
  const { held, still, part, rest } = await page.evaluate(work, [site.address, long]);
  assert(held < 60 && still === held, `${held} steps when it was held, ${still} later`);
  assert.deepEqual([...Object.values(losses(part)), ...Object.values(losses(rest))], whole.losses);
}

export async function what_is_said_before_training_knows_of_workers(site) {
  const page = await bare(site);
  const work = async ([address, wish]) => {
    const { EngineLink } = await import(`${address}engine-link.js`);
    const seconds = async (link, train) => {
      const config = await link.configure({ ...wish, train });
      const events = await link.request({ command: "plan", config });
      return events.find(({ event }) => event === "planned").plan.run_seconds;
    };
    const said = async (threads) => {
      const link = new EngineLink({ base: new URL(address), threads });
      link.start();
      const events = await link.request({ command: "hello", version: 1, device: "cpu" });
      await link.request({ command: "measure", config: await link.configure(wish) });
      const divided = await seconds(link, {});
      const single = await seconds(link, { batch_size: 1, accumulate: 1 });
      link.close();
      return { details: events.find(({ event }) => event === "ready").device.details, divided, single };
    };
    return { alone: await said(1), both: await said(2), cores: navigator.hardwareConcurrency };
  };
  const { alone, both, cores } = await page.evaluate(work, [site.address, WISH]);
  assert.equal(alone.details, "1 thread");
  // Of as many windows: a step of a single one cannot be divided.
  const windows = WISH.config.train.batch_size * WISH.config.train.accumulate;
  const near = (found, wanted) => assert(Math.abs(found / wanted - 1) < 1e-6, `${found}, not ${wanted}`);
  near(alone.divided, windows * alone.single);
  if (possible(cores) === 1) return;
  assert.equal(both.details, "up to 2 workers");
  // The larger shard has three of the five windows of each batch.
  near(both.divided, 3 * WISH.config.train.accumulate * both.single);
}
