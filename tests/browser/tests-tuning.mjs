// A model that went on from texts learns to answer, in the tab: by all parameters, then by an adapter; and is talked to.

import assert from "node:assert/strict";
import { event, losses, send, tiny, until } from "./site.mjs";

const said = (role, content) => ({ role, content });

/** Thumbs up for one answer to each of some questions, as the Chat page keeps them. */
function approved() {
  const answers = { "Who was it": "Mia", "Where was it": "A forest", "When was it": "A spring day" };
  const rows = Object.entries(answers).map(([asked, answer]) => ({
    prompt: [said("user", asked)],
    completion: [said("assistant", answer)],
    label: true,
  }));
  return Array.from({ length: 8 }, () => rows).flat();
}

export async function a_model_is_tuned_by_an_adapter_in_the_tab_and_talked_to(site) {
  const page = await site.tab(await site.profile(), "?page=chat");
  await send(page, { command: "create_project", name: "Tuned" });
  const first = await tiny(page, 20);
  first.model.context_length = 64;
  await send(page, { command: "train", config: first });

  const source = { of: "current" };
  const open = { command: "open_model", source };
  assert.equal(event(await send(page, open), "model_opened").chats, false, "it was never taught to answer");

  const kept = event(await send(page, { command: "splice_feedback", rows: approved() }), "feedback").rows;
  assert.equal(kept.length, 24);
  assert(kept.every(({ when }) => when > 1_600_000_000));

  // The tokens of turns must be learned once by all parameters; an adapter goes on from there.
  const settings = async () => event(await send(page, { command: "read_run", run: null, points: 0 }), "history");
  const tune = async (steps, more) => {
    const { run, config } = await settings();
    const train = { ...config.train, objective: "chat", sample_prompt: "", steps, warmup_steps: 2, eval_interval: steps, ...more };
    const start = { run, checkpoint: "latest" };
    const command = { command: "train", config: { ...config, start, train }, learns_from: "feedback" };
    return losses(await send(page, command));
  };
  const whole = await tune(60, { learning_rate: 3e-3, min_learning_rate: 3e-4 });
  assert(whole[60] < whole[1] - 0.5, `the loss falls: ${whole[1]} to ${whole[60]}`);
  const lora = { kind: "lora", rank: 2, alpha: 16, targets: "qkv,output,up,down" };
  const adapted = await tune(40, { adapter: lora, learning_rate: 1e-2, min_learning_rate: 1e-3 });
  assert.equal(Object.keys(adapted).length, 40);
  assert(adapted[1] < whole[1], "the adapter goes on from what was learned");
  const mean = (steps) => steps.reduce((sum, step) => sum + adapted[step], 0) / steps.length;
  const [early, late] = [mean([1, 2, 3, 4, 5]), mean([36, 37, 38, 39, 40])];
  // Few of so small a model's parameters are an adapter's: it learns slowly, and one that stood still would not learn at all.
  assert(late < early - 0.005, `the adapter learns: ${early} to ${late}`);
  const { run, config } = await settings();
  assert.equal(config.train.adapter.rank, 2);

  const opened = event(await send(page, open), "model_opened");
  assert.deepEqual([opened.run, opened.chats, opened.chatml], [run, true, true]);

  // As a person does, on the page.
  const message = page.getByRole("textbox", { name: "Message", exact: true });
  await message.fill("Who was it");
  await page.getByRole("button", { name: "Send", exact: true }).dispatchEvent("click");
  await page.getByRole("button", { name: /^Reply 1, choose tokens/ }).waitFor();
  await until(page, ({ waiting }) => waiting === 0, "the reply's end");
  // Moderation is switched on beside what replies are drawn by, and holds for the next one.
  await page.getByRole("combobox", { name: "Moderation", exact: true }).dispatchEvent("click");
  await page.getByLabel("Replace", { exact: true }).dispatchEvent("click");
  await page.getByRole("combobox", { name: "From severity", exact: true }).waitFor();
  await page.getByRole("checkbox", { name: "Self harm", exact: true }).waitFor();
  await message.fill("Where was it");
  await page.getByRole("button", { name: "Send", exact: true }).dispatchEvent("click");
  await page.getByRole("button", { name: /^Reply 2, choose tokens/ }).waitFor();
  await until(page, ({ waiting }) => waiting === 0, "the moderated reply's end");
  const config_of_reply = { max_tokens: 12, temperature: 0 };
  const reply = { command: "generate", source, prompt: { kind: "messages", messages: [said("user", "Who was it")] }, config: config_of_reply };
  const { ending, text } = event(await send(page, reply), "completed").completion;
  assert(text.length > 0 && ["end_of_text", "max_tokens"].includes(ending), `${ending}: ${text}`);

  const merged = event(await send(page, { command: "change_run", run, change: { merge_adapter: {} } }), "run_added");
  assert.match(merged.run.name, /-merged$/);
  assert.equal(event(await send(page, { command: "export", what: { feedback: {} } }), "exported").name, "feedback.zip");
  assert.deepEqual(page.problems, []);
}

export async function rows_to_learn_from_are_generated_by_a_module_that_the_tab_fetches(site) {
  const page = await site.tab(await site.profile(), "?page=tune");
  await send(page, { command: "create_project", name: "Generated" });
  const first = await tiny(page, 5);
  first.model.context_length = 64;
  await send(page, { command: "train", config: first });
  const { run, config } = event(await send(page, { command: "read_run", run: null, points: 0 }), "history");
  const train = { ...config.train, objective: "classify", sample_prompt: "", steps: 4, warmup_steps: 1, eval_interval: 4 };
  const start = { run, checkpoint: "latest" };
  const command = { command: "train", config: { ...config, start, train }, learns_from: "tasks", recipe: "sentiment" };
  assert.equal(Object.keys(losses(await send(page, command))).length, 4);
  const { labels } = event(await send(page, { command: "read_run", run: null, points: 0 }), "history").config.model;
  assert.equal(labels.length, 4);
  assert.deepEqual(page.problems, []);
}
