// The elements that stand beside the canvas for what it shows: what screen readers and scripts find, read and use.

import assert from "node:assert/strict";
import { ready, send, tiny, until } from "./site.mjs";

/** Windows that a page must be usable in. */
const SIZES = [{ width: 1280, height: 800 }, { width: 390, height: 844 }];

/** What each view of the page Inspect says once it is drawn. */
const DRAWN = {
  walk: "What comes next",
  tokens: "Perplexity",
  embeddings: /^Nearest to /,
  positions: "Cosine similarity: orange is similar",
  attention: "All heads",
  head: "1. The query",
  residual: "Saliency of tokens",
  "logit-lens": "The most likely next token at each layer",
  "next-token": "The model's probability, and the sampling probability",
  weights: "Along the run",
  "what-if": "No changes yet",
  provenance: /^Searched .* of training text/,
  graph: /^\d+ operations · /,
};

/** Presses what an element stands for, as assistive technology does: without a pointer. */
const press = (page, role, name) => page.getByRole(role, { name }).first().dispatchEvent("click");

/** Presses a button once it can be pressed. */
const pressOnce = (page, name) => page.getByRole("button", { name, disabled: false }).first().dispatchEvent("click");

export async function the_first_click_of_a_first_visit_meets_no_error(site) {
  const page = await site.tab(await site.profile());
  await press(page, "button", /^Grow your first model/);
  const { project, training } = await until(page, ({ training }) => training.step > 0, "training");
  assert.equal(project.name, "My first model");
  assert.match(training.run, /^1-/);
  const { messages } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.deepEqual(messages, []);
  assert.equal(await page.getByRole("alert").count(), 0);
  await send(page, { command: "steer", action: "stop" });
  assert.deepEqual(page.problems, []);
}

export async function every_page_can_be_read_and_opened_by_its_elements(site) {
  const page = await site.tab(await site.profile());
  const entries = ["Data", "Model", "Train", "Write", "Inspect", "Evaluate", "Runs", "Learn", "Settings", "Home"];
  const tabs = [["Data", "Tokenizer", "tokenizer"], ["Train", "Fine-tune", "tune"], ["Train", "Search", "lab"], ["Write", "Chat", "chat"]];
  for (const [entry, name, key] of [...entries.map((name) => [name, name, name.toLowerCase()]), ...tabs]) {
    await press(page, "tab", entry);
    if (name !== entry) await press(page, "tab", name);
    await until(page, ({ page }) => page === key, `the page ${key}`);
    await page.getByRole("tab", { name, selected: true, exact: true }).waitFor();
    const snapshot = await page.locator("body").ariaSnapshot();
    const parts = snapshot.split("\n").filter((line) => /^\s*- \w+/.test(line));
    assert(parts.length > 15, `${name} has ${parts.length} parts:\n${snapshot}`);
    // No letters of the icon font.
    assert.doesNotMatch(snapshot, /[\ue000-\uf8ff]/);
    // Whatever can be used has a name.
    const nameless = await page
      .locator("#mirror :is(button, input, textarea, [role=checkbox], [role=switch], [role=radio], [role=tab], [role=link])")
      .evaluateAll((all) => all.filter((one) => !one.getAttribute("aria-label") && !one.placeholder).map((one) => one.outerHTML));
    assert.deepEqual(nameless, [], `on ${name}`);
  }
  assert.deepEqual(page.problems, []);
}

export async function a_lesson_goes_from_its_prediction_to_its_check(site) {
  const page = await site.tab(await site.profile(), "?lesson=1&device=cpu");
  await until(page, ({ page }) => page === "learn", "the lesson's page");
  for (const viewport of SIZES) {
    await page.setViewportSize(viewport);
    await page.getByRole("radio").first().waitFor();
    // The sentence is there from the start, what is measured of it only after the prediction.
    await page.getByRole("textbox", { name: "Text to tokenize" }).waitFor();
    await page.getByText(/^\d+ characters$/).waitFor();
    assert.equal(await page.getByRole("button", { name: /^Measure$/ }).count(), 0);
    const choices = page.getByRole("radio");
    assert.equal(await choices.count(), 4);
    await choices.nth(2).dispatchEvent("click");
    await pressOnce(page, /^Predict$/);
    await page.getByText(/^Your prediction: Between three and five/).waitFor();
    await page.getByText(/^\d+ tokens for \d+ characters$/).waitFor();
    await pressOnce(page, /^Measure$/);
    await page.getByText(/^Your prediction (held|did not hold)\.$/).waitFor();
    await page.getByRole("button", { name: /^Measure again$/ }).waitFor();
    assert.match(await page.locator("#mirror").textContent(), /characters in \d+ tokens/);
    // It is kept, until it is taken back.
    await page.reload();
    await ready(page);
    await page.getByText(/^Your prediction: Between three and five/).waitFor();
    await press(page, "button", "Predict again");
    await page.getByRole("radio").first().waitFor();
    assert.deepEqual(page.problems, []);
  }
}

export async function the_inspect_page_draws_views_and_goes_through_a_run(site) {
  const [window, phone] = SIZES;
  const page = await site.tab(await site.profile({ viewport: phone }), "?page=inspect&view=attention&prompt=One+day+the+fox&device=cpu");
  await until(page, ({ page }) => page === "inspect", "the page");
  // A view is drawn: the answer says whose it is, and the view can be had as a table.
  const about = page.getByText(/ · step \S+ · /).first();
  await about.waitFor();
  await page.getByRole("checkbox", { name: "Attention as a table" }).waitFor();
  // The head of a section says whether that is open.
  for (const [name, expanded] of [["Attention", true], ["Logit lens", false]])
    await page.getByRole("button", { name, exact: true, expanded }).waitFor();
  const bar = page.getByRole("slider", { name: "Step of the run" });
  const place = async () => Number(await bar.getAttribute("aria-valuenow"));
  const last = Number(await bar.getAttribute("aria-valuemax"));
  assert(last > 2, `the sample kept its weights at ${last + 1} steps`);
  assert.equal(await place(), last);
  // From the end it begins anew, and goes on as what it shows is drawn.
  const at = (wanted) => page.locator(`[role=slider][aria-label="Step of the run"][aria-valuenow="${wanted}"]`).waitFor();
  await press(page, "button", /^Go through the run$/);
  // A step may be shown for a quarter of a second only.
  const seen = new Set();
  for (const end = Date.now() + 60_000; seen.size < 2 && Date.now() < end; ) {
    const now = await place();
    if (now < last) seen.add(now);
  }
  assert.equal(seen.size, 2, `it went through ${[...seen]}`);
  await press(page, "button", /^Stop playing the run's steps$/);
  await page.getByRole("button", { name: /^Go through the run$/ }).waitFor();
  const stopped = await place();
  assert(stopped >= 1 && stopped <= last, `it stopped at ${stopped} of ${last}`);
  // The slider takes one step by the keyboard, and the answer is of that step.
  await bar.focus();
  await bar.press("ArrowDown");
  await at(stopped - 1);
  const step = await page.getByText(/^step \S+$/).first().textContent();
  await page.getByText(` · ${step} · `).first().waitFor();
  await drawsEveryView(page);
  await page.setViewportSize(window);
  await drawsEveryView(page);
}

/** Opens one view after another: what stands there is said where its numbers have come. */
async function drawsEveryView(page) {
  for (const [view, words] of Object.entries(DRAWN)) {
    await page.evaluate((view) => globalThis.glasshouse.follow(`?page=inspect&view=${view}`), view);
    await page.getByText(words).first().waitFor();
  }
  assert.deepEqual((await page.evaluate(() => globalThis.glasshouse.state())).messages, []);
  assert.deepEqual(page.problems, []);
}

export async function every_view_is_drawn_by_webgpu(site) {
  const page = await site.tab(await site.profile(), "?page=inspect&view=tokens&prompt=One+day+the+fox&device=gpu");
  // It computes in the place of a GPU.
  const { device } = await page.evaluate(() => globalThis.glasshouse.state());
  assert.equal(device.kind, "software");
  await drawsEveryView(page);
}

export async function text_is_written_and_numbers_are_changed_by_elements(site) {
  // A language with digits of its own, which numbers of attributes do not have.
  const page = await site.tab(await site.profile({ locale: "ar-EG" }), "?page=write");
  const prompt = page.getByRole("textbox", { name: "Prompt" });
  await prompt.fill("The old fox");
  await press(page, "button", "Write");
  // What the model writes is read where it is written.
  await page.locator("#mirror").getByText(/fox/).first().waitFor();
  await until(page, ({ waiting }) => waiting === 0, "the text's end");
  assert.equal(await prompt.inputValue(), "The old fox");
  const heat = page.getByRole("slider").or(page.getByRole("spinbutton")).first();
  const before = Number(await heat.getAttribute("aria-valuenow"));
  await heat.focus();
  await heat.press("ArrowUp");
  await page.waitForFunction(
    ([element, before]) => Number(element.getAttribute("aria-valuenow")) > before,
    [await heat.elementHandle(), before],
  );
  // Of what has the keyboard in the app the canvas says so.
  await page.waitForFunction(() => document.getElementById("canvas").getAttribute("aria-activedescendant"));
}

export async function an_error_is_told_as_one_and_can_be_put_away(site) {
  const page = await site.tab(await site.profile());
  await page.evaluate(() => globalThis.glasshouse.follow("?page=kitchen"));
  const alert = page.getByRole("alert");
  await alert.getByText("kitchen").waitFor();
  await press(page, "button", "Dismiss");
  await alert.waitFor({ state: "detached" });
}

export async function a_pointer_and_a_keyboard_meet_the_canvas_alone(site) {
  const page = await site.tab(await site.profile());
  const box = await page.getByRole("tab", { name: "Data" }).boundingBox();
  const top = await page.evaluate(([x, y]) => document.elementFromPoint(x, y).id, [box.x + box.width / 2, box.y + box.height / 2]);
  assert.equal(top, "canvas");
  // An element lies where the app draws what it stands for.
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await until(page, ({ page }) => page === "data", "the page that was clicked");
  // The Tab key goes the app's own way: no element of the mirror takes it.
  for (let step = 0; step < 5; step += 1) await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.closest("#mirror")), null);
  await send(page, { command: "train", config: await tiny(page, 3) });
  await page.reload();
  await ready(page);
}
