// Looking inside a model from other pages: `lab.inspect`, the element <glasshouse-lens>, the application in a frame, and the examples.

import assert from "node:assert/strict";
import { plain, until } from "./site.mjs";

/** Windows that an embed must hold in. */
const SIZES = [{ width: 1280, height: 800 }, { width: 360, height: 780 }];
/** Views whose tables are all there is. */
const WITHOUT_PICTURE = ["walk", "weights", "graph"];

/**
 * What views say of a small model that was trained in the page, on a device: tensors without their entries, what is wrong with those, and
 * how far they are from the CPU's. The adapter gets what the CPU has trained.
 */
function everyView(page, device, views) {
  return page.evaluate(
    async ({ device, views }) => {
      const { VIEWS } = await import("/glasshouse.js");
      const lab = await Glasshouse.create({ device, keep: false });
      if (device === "cpu") {
        await lab.train({ ...tiny, config: { ...tiny.config, model: { ...tiny.config.model, layers: 2 } }, steps: 12 });
        globalThis.saved = await lab.save();
      } else {
        await lab.load(saved);
      }
      globalThis.expected ??= {};
      // The largest difference in relation to the largest entry; of whole numbers, whether they are others.
      const apart = (name, data) => {
        const expected = (globalThis.expected[name] ??= data);
        // Ties of logits may be ordered otherwise.
        if (data instanceof Uint32Array) {
          const same = data.reduce((count, value, at) => count + (value === expected[at] ? 1 : 0), 0);
          const ties = data.length < 5 ? 0 : Math.max(1, Math.floor(0.05 * data.length));
          return data.length === expected.length && same >= data.length - ties ? 0 : 1;
        }
        const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
        return expected.reduce((most, value, at) => Math.max(most, Math.abs(data[at] - value) / size), 0);
      };
      const said = {};
      for (const view of views ?? VIEWS) {
        const edits = [{ part: "head", layer: 1, head: 0, factor: 0 }];
        const inspection = await lab.inspect({ prompt: "The quick brown", views: view, count: 5, edits });
        const { tensors, details } = inspection.views[view];
        const shapes = Object.entries(tensors).map(([name, { data, shape, axes }]) => ({
          name,
          shape,
          axes,
          kind: data.constructor.name,
          entries: data.length,
          lost: [...data].filter((value) => !Number.isFinite(value)).length,
          apart: apart(`${view} ${name}`, data),
        }));
        said[view] = { shapes, details: details.map(({ kind }) => kind) };
      }
      const { device: used, storage } = lab;
      await lab.close();
      return { said, device: used, place: storage.place };
    },
    { device, views },
  );
}

/** A page of the site's origin, with elements in it. */
async function embedded(site, html, options) {
  const page = await plain(site, options);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  await page.evaluate((html) => {
    globalThis.heard = [];
    for (const kind of ["glasshouse-numbers", "glasshouse-error"]) {
      addEventListener(kind, ({ detail }) => heard.push({ kind, step: detail.step, message: detail.message, views: Object.keys(detail.views ?? {}) }));
    }
    document.body.innerHTML = html;
  }, html);
  return page;
}

/** Waits until an element of the page has told so many things. */
async function heard(page, count) {
  await page.waitForFunction((count) => globalThis.heard.length >= count, count);
  return JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.heard)));
}

export async function the_script_looks_inside_a_model(site) {
  const page = await plain(site);
  const result = await page.evaluate(async (file) => {
    const caught = (work) => work.then(() => null, ({ name, kind, message }) => ({ name, kind, message }));
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    await lab.load(file);
    const prompt = "One day the fox";
    const { tokens, cut, position, step, layers, heads, views } = await lab.inspect({ prompt, views: ["attention", "tokens"], layer: 1 });
    const { data, shape, axes } = views.attention.tensors.probabilities;
    const time = shape.at(-1);
    const sums = [];
    for (let row = 0; row < data.length; row += time) sums.push(data.subarray(row, row + time).reduce((sum, own) => sum + own, 0));
    const { surprise, ids } = views.tokens.tensors;
    const early = await lab.inspect({ prompt, views: "next-token", step: 1000 });
    const long = await lab.inspect({ prompt: "One day ".repeat(200), views: "tokens" });
    const both = await lab.inspect({ prompts: ["The fox", prompt], views: ["attention", "tokens"], layer: 1 });
    const same = both[1].views.attention.tensors.probabilities.data.every((own, at) => own === data[at]);
    const several = { prompts: both.map((own) => own.prompt), counts: both.map((own) => own.tokens.length), same };
    const problems = [
      await caught(lab.inspect({ prompt, views: ["atention"] })),
      await caught(lab.inspect({ prompt, views: ["attention"], layer: 9 })),
      await caught(lab.inspect({ prompt, views: ["head"], head: 1.5 })),
      await caught(lab.inspect({ prompt, views: ["tokens"], position: 99 })),
      await caught(lab.inspect({ prompt, views: ["tokens"], step: 501 })),
      await caught(lab.inspect({ prompt })),
      await caught(lab.inspect({ prompts: [], views: ["tokens"] })),
    ];
    await lab.close();
    const stored = [];
    for await (const name of (await navigator.storage.getDirectory()).keys()) stored.push(name);
    const kinds = [data, surprise.data, ids.data].map(({ constructor }) => constructor.name);
    const about = { shape, axes, cut, position, step, layers, heads, kinds };
    return { about, tokens, sums, ids: [...ids.data], early: early.step, cut: long.cut, several, problems, stored };
  }, `${site.address}sample.glasshouse`);
  const { about, tokens, several } = result;
  const time = tokens.length;
  assert.deepEqual([several.prompts, several.counts[1], several.same], [["The fox", "One day the fox"], time, true]);
  assert.deepEqual([about.shape, about.axes], [[1, about.heads, time, time], ["L", "H", "T", "T"]]);
  assert.deepEqual(about.kinds, ["Float32Array", "Float32Array", "Uint32Array"]);
  assert.deepEqual(result.ids, tokens.map(({ id }) => id));
  assert.equal(tokens.map(({ text }) => text).join(""), "One day the fox");
  assert.deepEqual([about.position, about.cut], [time - 1, 0]);
  assert.equal(result.sums.length, about.heads * time);
  for (const sum of result.sums) assert(Math.abs(sum - 1) < 1e-4, `a row of attention sums to ${sum}`);
  assert.equal(result.early, 1000);
  assert(result.cut > 0, "a long prompt says what was cut");
  const said = [/atention.*logit-lens/, /no layer 9; the nearest is 1/, /head must be a whole number/, /no position 99; the nearest is/, /nearest is that of step 1000/, /choose at least one view/, /list of one or more texts/];
  result.problems.forEach((problem, at) => {
    assert.equal(problem?.name, "GlasshouseError");
    assert.match(problem.message, said[at]);
  });
  assert.deepEqual(result.stored, [], "an engine that keeps nothing leaves nothing");
}

export async function every_view_answers_in_the_tab_and_on_webgpu(site) {
  const page = await plain(site);
  const check = ({ said }) => {
    for (const [view, { shapes, details }] of Object.entries(said)) {
      assert(shapes.length + details.length > 0, `${view} found nothing`);
      for (const { name, shape, axes, entries, lost, kind } of shapes) {
        assert.equal(entries, shape.reduce((product, size) => product * size, 1), `${name} of ${view}`);
        assert.equal(axes.length, shape.length, `${name} of ${view}`);
        assert.match(kind, /^(Float32|Uint32)Array$/);
        assert.equal(lost, 0, `${name} of ${view} has entries that are no numbers`);
      }
    }
  };
  const cpu = await everyView(page, "cpu");
  assert.equal(cpu.place, "memory");
  assert.equal(Object.keys(cpu.said).length, 13);
  check(cpu);
  // A software adapter stands in for a GPU.
  const adapter = await everyView(page, "gpu");
  assert.equal(adapter.device.kind, "software");
  check(adapter);
  const shapes = ({ said }) => Object.values(said).map(({ shapes }) => shapes.map(({ name, shape }) => [name, shape]));
  assert.deepEqual(shapes(adapter), shapes(cpu));
  // The same numbers: the kernels of the tab's WebGPU against those of its CPU.
  for (const [view, { shapes }] of Object.entries(adapter.said)) {
    for (const { name, apart } of shapes) assert(apart <= 2e-4, `${name} of ${view} is ${apart} from the CPU's`);
  }
}

export async function the_script_looks_inside_while_a_model_trains(site) {
  const page = await plain(site);
  const { steps, held, charactersLost } = await page.evaluate(async () => {
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    const seen = [];
    let looking = Promise.resolve();
    const onStep = ({ step }) => {
      if (step % 10 !== 0) return;
      const asked = lab.inspect({ prompt: "The quick", views: "attention" });
      looking = looking.then(async () => seen.push(await asked));
    };
    await lab.train({ ...tiny, steps: 60, onStep });
    await looking;
    // A vocabulary of characters lacks some, and the answer says which.
    const { charactersLost } = await lab.inspect({ prompt: "The ß fox", views: "tokens" });
    await lab.close();
    return { steps: seen.map(({ step }) => step), held: seen.map(({ heldTrainingMs }) => heldTrainingMs), charactersLost };
  });
  assert.equal(charactersLost, "ß");
  assert(held.some((ms) => ms > 0), `training waited for ${held} ms`);
  assert.equal(steps.length, 6);
  assert(steps.every((step, at) => at === 0 || step >= steps[at - 1]), `${steps}`);
  assert(steps[0] < 60, `the first look was at step ${steps[0]}`);
}

export async function an_embed_draws_and_can_be_read_as_tables(site) {
  for (const viewport of SIZES) {
    const lens = (view) => `<glasshouse-lens src="${site.address}sample.glasshouse" device="cpu" view="${view}" prompt="One day the fox"></glasshouse-lens>`;
    const views = await plain(site).then((page) => page.evaluate(async () => (await import("/glasshouse.js")).VIEWS));
    const page = await embedded(site, views.map(lens).join(""), { viewport });
    const told = await heard(page, views.length);
    assert.deepEqual(told.map(({ kind }) => kind), Array(views.length).fill("glasshouse-numbers"), JSON.stringify(told));
    // One engine for all of them.
    assert.equal(page.workers().filter((worker) => worker.url().endsWith("/worker.js")).length, 1);
    const painted = await page.evaluate(() => {
      const root = document.querySelector("glasshouse-lens[view=attention]").shadowRoot;
      const canvas = root.querySelector(".map canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return { size: [canvas.width, canvas.height], seen: data.filter((_, at) => at % 4 === 3 && data[at] > 0).length, heads: root.querySelectorAll(".heads button").length, axes: ["rows", "columns"].map((axis) => [...root.querySelectorAll(`.map .${axis} span`)].map(({ textContent }) => textContent)) };
    });
    assert(painted.size[0] > 2 && painted.size[0] === painted.size[1]);
    assert(painted.seen > painted.size[0], "attention is painted");
    assert.equal(painted.heads, 4);
    assert.deepEqual(painted.axes[0], painted.axes[1], "its tokens are on both axes");
    assert(painted.axes[0].length === painted.size[0] && painted.axes[0].some((token) => token.startsWith("·")), `${painted.axes[0]}`);
    for (const view of views) {
      const own = page.locator(`glasshouse-lens[view=${view}]`);
      assert(await own.locator(".tables table tbody tr").count() > 0, `${view} has a table`);
      const drawn = await own.locator(".picture > *").count();
      assert.equal(drawn, WITHOUT_PICTURE.includes(view) ? 0 : 1, `${view} has a picture`);
      assert.match(await own.getByRole("group").first().getAttribute("aria-label"), /One day the fox/);
    }
    // A view without a picture shows its tables; another shows them when that is asked for, by the keyboard too.
    assert.equal(await page.locator("glasshouse-lens[view=walk] .tables table").first().isVisible(), true);
    // Parts are called by their names.
    const parts = page.locator("glasshouse-lens[view=residual]").getByRole("table", { name: /^attribution/ });
    assert.deepEqual((await parts.locator("tbody th").allTextContents()).slice(0, 3), ["embedding", "attention 0", "MLP 0"]);
    // A map has a point for each of its tokens, and every one of them can be read, a press after the other.
    const map = page.locator("glasshouse-lens[view=embeddings]");
    const points = await map.locator("circle").count();
    assert(points > 60, `${points} tokens on the map`);
    await map.getByRole("button", { name: "As a table" }).click();
    const rows = map.getByRole("table", { name: /^map/ });
    assert.match(await rows.locator("caption").textContent(), new RegExp(`rows 1 to 60 of ${points}`));
    const more = map.locator(".grown", { has: page.getByRole("table", { name: /^map/ }) }).getByRole("button", { name: "More rows" });
    while (await more.count() > 0) await more.click();
    assert.equal(await rows.locator("tbody tr").count(), points);
    assert.doesNotMatch(await rows.locator("caption").textContent(), / of /);
    await map.getByRole("button", { name: "As a table" }).click();
    // What an operation writes has numbers of its own, and so has its gradient.
    const values = page.locator("glasshouse-lens[view=graph]").getByRole("table", { name: /^Values/ });
    assert.deepEqual((await values.locator("thead th").allTextContents()).slice(3, 8), ["smallest", "largest", "mean", "deviation", "gradient's smallest"]);
    const made = await values.locator("tbody tr").last().locator("td").allTextContents();
    assert(made.slice(2).every((number) => number !== "–"), `the logits and their gradient: ${made}`);
    const button = page.locator("glasshouse-lens[view=attention]").getByRole("button", { name: "As a table" });
    await button.focus();
    await page.keyboard.press("Enter");
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    await page.getByRole("table", { name: /^probabilities, L 1, H 0/ }).first().waitFor();
    await page.keyboard.press("Enter");
    // A token that has the keyboard says where it reads from; a head that is pressed is the one that is shown.
    await page.locator("glasshouse-lens[view=attention] .token").nth(2).focus();
    await page.locator("glasshouse-lens[view=attention] .said").getByText(/ reads from /).waitFor();
    assert(await page.locator("glasshouse-lens[view=attention] .strip path").count() > 0, "lines are drawn");
    await page.locator("glasshouse-lens[view=attention] .heads button").first().click();
    await heard(page, views.length + 1);
    assert.equal(await page.locator("glasshouse-lens[view=attention]").getAttribute("layer"), "0");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(wide <= 0, `the page is ${wide} pixels too wide at ${viewport.width}`);
    assert.deepEqual(page.problems, []);
  }
}

export async function an_embed_follows_its_attributes_and_names_what_is_wrong(site) {
  const page = await embedded(site, `<glasshouse-lens id="lens" src="${site.address}sample.glasshouse" device="cpu" view="tokens" prompt="One day"></glasshouse-lens>`);
  await heard(page, 1);
  const set = (attributes) =>
    page.evaluate((attributes) => {
      const lens = document.getElementById("lens");
      for (const [name, value] of Object.entries(attributes)) lens.setAttribute(name, value);
    }, attributes);
  await set({ view: "next-token", prompt: "Once", step: "1000", theme: "dark" });
  assert.deepEqual((await heard(page, 2))[1], { kind: "glasshouse-numbers", step: 1000, views: ["next-token"] });
  await page.locator("glasshouse-lens .bar i").first().waitFor();
  const ground = () => page.locator("glasshouse-lens figure").evaluate((figure) => getComputedStyle(figure).backgroundColor);
  assert.equal(await ground(), "rgb(14, 20, 18)");
  await set({ theme: "light" });
  assert.equal(await ground(), "rgb(245, 248, 245)");
  const wrong = [
    [{ view: "attention", layer: "7" }, /no layer 7; the nearest is 1/],
    [{ layer: "two" }, /layer must be a whole number/],
    [{ layer: "", step: "1001" }, /the nearest is that of step 1000/],
    [{ step: "", view: "atention" }, /no view is called/],
    [{ view: "tokens", src: "nothing.glasshouse" }, /404/],
  ];
  for (const [at, [attributes, said]] of wrong.entries()) {
    await set(attributes);
    const told = (await heard(page, at + 3))[at + 2];
    assert.equal(told.kind, "glasshouse-error");
    assert.match(told.message, said);
    assert.match(await page.locator("glasshouse-lens [role=status]").textContent(), said);
  }
  // What was wrong can be put right.
  await set({ src: `${site.address}sample.glasshouse` });
  assert.equal((await heard(page, wrong.length + 3)).at(-1).kind, "glasshouse-numbers");
  assert.deepEqual(page.problems, []);
}

export async function an_element_loses_no_change_whenever_it_comes(site) {
  const page = await embedded(site, "");
  const elements = await page.evaluate(async (src) => {
    await customElements.whenDefined("glasshouse-lens");
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    await lab.load(src);
    // What the model is comes any number of microtasks after the element has found that it has none.
    let elements = 0;
    for (let turns = 0; turns < 8; turns += 1) {
      for (const give of [(lens) => (lens.lab = lab), (lens) => lens.setAttribute("src", src)]) {
        const lens = document.createElement("glasshouse-lens");
        for (const [name, value] of [["view", "tokens"], ["prompt", "One day"], ["device", "cpu"]]) lens.setAttribute(name, value);
        document.body.append(lens);
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        give(lens);
        elements += 1;
      }
    }
    return elements;
  }, `${site.address}sample.glasshouse`);
  const told = await heard(page, elements);
  assert.deepEqual(told.map(({ kind }) => kind), Array(elements).fill("glasshouse-numbers"), JSON.stringify(told));
  assert.equal(await page.locator("glasshouse-lens .token").first().isVisible(), true);
  // While another model comes, the picture of the one before is not taken for its.
  const between = await page.evaluate(async (src) => {
    const lens = document.querySelector("glasshouse-lens:last-of-type");
    lens.setAttribute("src", `${src}?another`);
    await new Promise((resolve) => setTimeout(resolve));
    return [lens.shadowRoot.querySelector("[role=status]").textContent, lens.shadowRoot.querySelector(".picture").childElementCount];
  }, `${site.address}sample.glasshouse`);
  assert.deepEqual(between, ["Loading the model…", 0]);
  assert.equal((await heard(page, elements + 1)).at(-1).kind, "glasshouse-numbers");
  assert.deepEqual(page.problems, []);
}

/**
 * A deep model whose attention does not fit at once: the engine gives its first layers, and says which. A lab of the page's own stands in
 * for it.
 */
export async function a_layer_that_was_not_given_is_asked_for(site) {
  const page = await embedded(site, "");
  const asked = await page.evaluate(async (src) => {
    await customElements.whenDefined("glasshouse-lens");
    const lab = await Glasshouse.create({ device: "cpu", keep: false });
    await lab.load(src);
    globalThis.asked = [];
    const inspect = async (wish) => {
      asked.push(wish.layer ?? null);
      // What of two layers fits is the first.
      return lab.inspect(wish.layer === undefined ? { ...wish, layer: 0 } : wish);
    };
    const lens = document.createElement("glasshouse-lens");
    for (const [name, value] of [["prompt", "One day"], ["layer", "1"]]) lens.setAttribute(name, value);
    document.body.append(lens);
    lens.lab = { inspect };
    await lens.refresh();
    return globalThis.asked;
  }, `${site.address}sample.glasshouse`);
  await heard(page, 1);
  assert.deepEqual(asked.slice(0, 2), [null, 1]);
  assert.equal(await page.locator("glasshouse-lens .heads button[aria-pressed=true]").getAttribute("data-place"), "head-1-0");
  assert.deepEqual(page.problems, []);
}

export async function a_frame_shows_one_view_and_is_driven_by_messages(site) {
  // Another origin: the same server by another name.
  const other = site.address.replace("localhost", "127.0.0.1");
  for (const viewport of SIZES) {
    const context = await site.profile({ serviceWorkers: "block", viewport });
    const page = await context.newPage();
    const warnings = [];
    page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
    // A page that came from the server: a browser keeps one without an address of its own from the local network.
    await page.goto(`${other}glasshouse.js`);
    await page.evaluate(async (src) => {
      globalThis.replies = [];
      addEventListener("message", ({ data, origin }) => {
        const { inspection, id, type, message } = data;
        const scopes = Object.values(inspection?.views ?? {}).flatMap(({ tensors }) => Object.values(tensors).map(({ scope }) => scope));
        const prompt = inspection?.tokens.map(({ text }) => text).join("");
        replies.push({ origin, id, type, step: inspection?.step, views: Object.keys(inspection?.views ?? {}), scope: scopes.find(Boolean), prompt, message });
      });
      const frame = Object.assign(document.createElement("iframe"), { id: "frame", src, style: "width: 100%; height: 700px; border: 0" });
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
      document.body.append(frame);
      await loaded;
    }, `${site.address}?page=inspect&view=attention&prompt=One+day&layer=0&head=1&step=1000&device=cpu&embed=1`);
    const frame = page.frames().find((own) => own.url().startsWith(site.address));
    await frame.evaluate(() => globalThis.glasshouse.ready);
    const state = await until(frame, (state) => state.project && state.page === "inspect", "the sample in the frame");
    assert.deepEqual(state.messages, []);
    // Neither rail nor bar; the view, and no other.
    const names = (role) => frame.getByRole(role).evaluateAll((all) => all.map((one) => one.getAttribute("aria-label") ?? one.textContent));
    await frame.waitForFunction(() => document.getElementById("mirror").outerHTML.includes("Attention"));
    assert.deepEqual((await names("tab")).filter((name) => name === "Train"), []);
    assert.equal(await frame.evaluate(() => document.getElementById("mirror").outerHTML.includes("Embedding map")), false);
    const send = (message) => page.evaluate((message) => document.getElementById("frame").contentWindow.postMessage(message, "*"), message);
    // What is not listed is ignored, with one warning; what is no message of ours, without.
    await send({ glasshouse: 1, type: "train" });
    await send({ glasshouse: 1, type: "inspect", view: "attention", command: "remove_project" });
    await send({ glasshouse: 1, type: "inspect", layer: "0" });
    await send({ glasshouse: 1, type: "inspect", prompt: "x".repeat(10_001) });
    await send({ hello: "there" });
    // Prompt, layer and step of the address hold for the first message; two in a row get an answer each.
    await page.evaluate(() => {
      const { contentWindow } = document.getElementById("frame");
      contentWindow.postMessage({ glasshouse: 1, type: "inspect", view: "head", id: 1 }, "*");
      contentWindow.postMessage({ glasshouse: 1, type: "inspect", view: "logit-lens", prompt: "Once upon", step: 2000, id: 2 }, "*");
    });
    await page.waitForFunction(() => replies.length > 1);
    await send({ glasshouse: 1, type: "inspect", view: "head", layer: 9 });
    await page.waitForFunction(() => replies.length > 2);
    // Another origin gets no training text.
    await send({ glasshouse: 1, type: "inspect", view: "provenance", layer: 0 });
    await page.waitForFunction(() => replies.length > 3);
    await send({ glasshouse: 1, type: "inspect", view: "logit-lens" });
    await page.waitForFunction(() => replies.length > 4);
    const replies = JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.replies)));
    const origin = site.address.slice(0, -1);
    const inspected = { origin, type: "inspected" };
    const [first, second] = replies.slice(0, 2).sort((one, other) => one.id - other.id);
    assert.deepEqual(first, { ...inspected, id: 1, step: 1000, views: ["head"], scope: "blocks.0.attention", prompt: "One day" });
    assert.deepEqual([second.id, second.step, second.views, second.prompt], [2, 2000, ["logit-lens"], "Once upon"]);
    assert.equal(replies[2].type, "failed");
    assert.match(replies[2].message, /no layer 9/);
    assert.equal(replies[3].type, "failed");
    assert.match(replies[3].message, /training text/);
    assert.deepEqual([replies[4].type, replies[4].step, replies[4].prompt], ["inspected", 2000, "Once upon"]);
    assert.equal(replies.length, 5);
    assert.equal(warnings.filter((text) => text.includes("docs/embedding.md")).length, 1, warnings.join("\n"));
    await frame.waitForFunction(() => document.getElementById("mirror").outerHTML.includes("Logit lens"));
    // A page that is no embedded one hears nothing.
    await page.evaluate(async (src) => {
      document.getElementById("frame").remove();
      const frame = Object.assign(document.createElement("iframe"), { id: "frame", src, style: "width: 100%; height: 700px" });
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
      document.body.append(frame);
      await loaded;
    }, `${site.address}?page=inspect&device=cpu`);
    const whole = page.frames().find((own) => own.url().endsWith("?page=inspect&device=cpu"));
    await whole.waitForFunction(() => globalThis.glasshouse?.state()?.project);
    // It would follow, and ask the engine, before another task begins.
    await whole.evaluate(() => {
      globalThis.done = [];
      for (const name of ["follow", "send"]) {
        const work = globalThis.glasshouse[name];
        globalThis.glasshouse[name] = (...given) => (done.push(name), work(...given));
      }
      globalThis.come = new Promise((resolve) => addEventListener("message", () => setTimeout(resolve), { once: true }));
    });
    await send({ glasshouse: 1, type: "inspect", view: "tokens", prompt: "Once" });
    await whole.evaluate(() => globalThis.come);
    assert.deepEqual(await whole.evaluate(() => globalThis.done), []);
    assert.equal(await page.evaluate(() => globalThis.replies.length), 5);
    await context.close();
  }
}

export async function the_examples_of_the_lens_work(site) {
  const page = await (await site.profile()).newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`${site.address}examples/attention.html?steps=12`);
  await page.getByText(/^Ready on /).waitFor();
  await page.click("#train");
  await page.getByText(/^Trained 12 steps/).waitFor({ timeout: 120_000 });
  assert.equal(await page.evaluate(() => document.getElementById("lens").inspection.step), 12);
  assert.equal(await page.locator("glasshouse-lens .heads button").count(), 8);

  await page.goto(`${site.address}examples/logit-lens.html`);
  await page.locator("glasshouse-lens td.heat").first().waitFor();
  const step = () => page.evaluate(() => document.getElementById("lens").inspection.step);
  const last = await step();
  await page.locator("#step").fill("0");
  await page.waitForFunction((last) => document.getElementById("lens").inspection.step < last, last);
  const first = await step();
  await page.click("#play");
  await page.waitForFunction((first) => document.getElementById("lens").inspection.step > first, first);
  await page.click("#play");

  await page.goto(`${site.address}examples/lesson.html`);
  await page.locator("glasshouse-lens#attention .heads button").first().waitFor();
  await page.locator("glasshouse-lens#next .bar i").first().waitFor();
  // The lesson in it is the application's own, without its rail.
  const lesson = await (await page.locator("#lesson").elementHandle()).contentFrame();
  await lesson.waitForFunction(() => globalThis.glasshouse?.state()?.project);
  assert.equal((await lesson.evaluate(() => globalThis.glasshouse.state())).page, "learn");
  await lesson.getByText(/^Of all heads of your model/).first().waitFor();
  assert.equal(await lesson.getByRole("tab").count(), 0);
  assert.deepEqual(problems, []);
}
