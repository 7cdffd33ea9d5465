// First visit to second visit: training, writing, coming back, and every device that a browser may have.

import assert from "node:assert/strict";
import { launch } from "./chromium.mjs";
import { Site, event, losses, ready, send, tiny, until } from "./site.mjs";

export async function a_first_visit_trains_and_a_second_continues_with_the_same_next_loss(site) {
  const context = await site.profile();
  const page = await site.tab(context);
  const { messages } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.deepEqual(messages, [], "a first visit is told of no trouble");
  await send(page, { command: "create_project", name: "First" });
  const config = await tiny(page, 40);

  const part = losses(await send(page, { command: "train", config, stop_after: 25 }));
  assert.equal(Object.keys(part).length, 25);
  assert(part[25] < part[1] - 0.3, `the loss falls: ${part[1]} to ${part[25]}`);
  const writing = { command: "generate", source: { of: "current" }, prompt: { kind: "text", text: "Once" }, config: { max_tokens: 20 } };
  const written = event(await send(page, writing), "completed").completion;
  assert(written.text.length > 0, "something was written");
  const shown = await until(page, ({ training }) => training.step === 25, "the run's end in the app");
  assert.equal(Math.fround(shown.training.loss), Math.fround(part[25]));

  await page.reload();
  await ready(page);
  const back = await until(page, ({ project }) => project?.name === "First", "the project to be open again");
  assert.equal(back.project.runs, 1);
  const rest = losses(await send(page, { command: "resume", run: null, stop_after: 30 }));
  assert.deepEqual(Object.keys(rest), ["26", "27", "28", "29", "30"]);

  // The same run without an interruption says what the losses had to be.
  const whole = losses(await send(page, { command: "train", config, stop_after: 30 }));
  assert.deepEqual(rest, Object.fromEntries([26, 27, 28, 29, 30].map((step) => [step, whole[step]])));
  assert.deepEqual(page.problems, []);
}

export async function training_pauses_writes_meanwhile_and_goes_on(site) {
  const page = await site.tab(await site.profile());
  await send(page, { command: "create_project", name: "Paused" });
  const config = await tiny(page, 100_000, { eval_interval: 0 });
  await page.evaluate((config) => {
    globalThis.training = globalThis.glasshouse.send({ command: "train", config });
  }, config);
  await until(page, ({ training }) => training.step > 3, "some steps");
  const milliseconds = await page.evaluate(async () => {
    const began = performance.now();
    await globalThis.glasshouse.send({ command: "steer", action: "pause" });
    return performance.now() - began;
  });
  console.log(`  a pause was acknowledged after ${milliseconds.toFixed(0)} ms`);
  const { training } = await until(page, ({ training }) => training.state === "paused", "the pause");
  const writing = { command: "generate", source: { of: "current" }, prompt: { kind: "text", text: "A" }, config: { max_tokens: 5 } };
  assert(event(await send(page, writing), "completed"), "text is written while training is held");
  assert.equal((await page.evaluate(() => globalThis.glasshouse.state())).training.step, training.step);
  await send(page, { command: "steer", action: "step_once" });
  await until(page, ({ training: now }) => now.step === training.step + 1, "a single step");
  await send(page, { command: "steer", action: "continue" });
  await until(page, ({ training: now }) => now.step > training.step + 3, "more steps");
  await send(page, { command: "steer", action: "stop" });
  const events = await page.evaluate(() => globalThis.training);
  assert.equal(event(events, "training_ended").run.state, "stopped");
}

export async function a_software_adapter_trains_when_it_is_asked_for(site) {
  const page = await site.tab(await site.profile(), "?device=gpu");
  const { device } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.equal(device.kind, "software");
  await send(page, { command: "create_project", name: "Adapter" });
  // Each text would compile a decoder.
  const config = await tiny(page, 3, { eval_interval: 0, milestones: "off", sample_tokens: 1 });
  const onAdapter = losses(await send(page, { command: "train", config }));
  await send(page, { command: "choose_device", device: "cpu" });
  const onCpu = losses(await send(page, { command: "train", config }));
  for (const step of [1, 2, 3]) {
    const difference = Math.abs(onAdapter[step] - onCpu[step]);
    assert(difference < 1e-4, `step ${step}: ${onAdapter[step]} on the adapter, ${onCpu[step]} on the CPU`);
  }
}

export async function without_webgpu_the_cpu_trains_and_says_what_is_missing(site) {
  const bare = new Site();
  Object.assign(bare, { address: site.address, browser: await launch({ webgpu: false }) });
  try {
    const page = await bare.tab(await bare.profile());
    assert.equal((await page.evaluate(() => navigator.gpu?.requestAdapter())) ?? null, null);
    const { device } = await page.evaluate(() => globalThis.glasshouse.state());
    assert.equal(device.kind, "cpu");
    assert.match(device.why, /WebGPU/);
    await send(page, { command: "create_project", name: "Bare" });
    const done = losses(await send(page, { command: "train", config: await tiny(page, 2) }));
    assert.equal(Object.keys(done).length, 2);
  } finally {
    await bare.browser.close();
  }
}
