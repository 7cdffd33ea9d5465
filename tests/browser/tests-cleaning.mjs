// Files of a person's own in a tab: dropped on the page, cleaned there, and learned from, without a byte leaving it.

import assert from "node:assert/strict";
import { event, losses, send, tiny, until } from "./site.mjs";

const NOUNS = "river harbour captain letter garden winter village teacher window engine market mountain kitchen island soldier forest station machine lantern bridge painter meadow library sailor orchard barrel compass quarry shepherd candle valley museum".split(" ");
const VERBS = "carried followed noticed repaired described measured ignored collected finished guarded received studied counted visited borrowed crossed divided filled mended opened praised reached valued wrapped".split(" ");
const ADJECTIVES = "old quiet narrow bright heavy distant careful broken gentle hollow familiar silent wooden honest patient empty frozen proud rough simple useful wild calm dusty early".split(" ");

/** Prose that no two documents share, the same at every run. */
class Writer {
  #state = 20_240_501;

  choose(words) {
    // A linear congruential generator (Numerical Recipes' constants), its upper bits.
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return words[Math.floor((this.#state / 2 ** 32) * words.length)];
  }

  sentence() {
    const [one, two, three] = [0, 0, 0].map(() => this.choose(NOUNS));
    const [first, second] = [0, 0].map(() => this.choose(ADJECTIVES));
    const [did, then] = [0, 0].map(() => this.choose(VERBS));
    return this.choose([
      `The ${first} ${one} ${did} the ${two} of the ${three}, and it was ${second}.`,
      `In the ${one} they ${did} a ${first} ${two}, which nobody ${then} before the ${three} came.`,
      `It was the ${one} that ${did} the ${first} ${two} with a ${second} ${three}.`,
    ]);
  }

  paragraph() {
    return Array.from({ length: 6 }, () => this.sentence()).join(" ");
  }
}

const html = (title, paragraphs) =>
  `<!doctype html><html lang=en><head><title>${title}</title><script>track()</script></head><body>
<nav><a href="/">Start</a> <a href="/shop">Shop</a></nav><main><article><h1>${title}</h1>
${paragraphs.map((text) => `<p>${text}</p>`).join("\n")}</article></main><footer>Imprint and cookies</footer></body></html>`;

/** A table with a column of texts; one row is too short to teach anything. */
const csv = (texts) => ["text,licence", ...texts.map((text) => `"${text}",CC0-1.0`), "nothing,CC0-1.0"].join("\n");

/** A PDF of one page whose lines are these words. */
function pdf(text) {
  const words = text.split(" ");
  const lines = Array.from({ length: Math.ceil(words.length / 12) }, (_, at) => words.slice(at * 12, at * 12 + 12).join(" "));
  const content = `BT /F1 11 Tf 50 780 Td 14 TL\n${lines.map((line) => `(${line}) Tj T*\n`).join("")}ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
  ];
  let file = "%PDF-1.4\n";
  const places = objects.map((object, at) => {
    const place = file.length;
    file += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const start = file.length;
  const rows = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  return `${file}xref\n0 ${places.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${places.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
}

/** Thrift's compact encoding, as far as Parquet's own metadata needs it: fields by number, numbers, texts, lists, structures. */
const thrift = {
  varint(value) {
    const bytes = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    return [...bytes, value];
  },
  i32: (value) => ({ type: 5, bytes: thrift.varint(2 * value) }),
  i64: (value) => ({ type: 6, bytes: thrift.varint(2 * value) }),
  text: (value) => ({ type: 8, bytes: [...thrift.varint(value.length), ...Buffer.from(value)] }),
  list: (items) => ({ type: 9, bytes: [(items.length << 4) | items[0].type, ...items.flatMap(({ bytes }) => bytes)] }),
  structure(fields) {
    let last = 0;
    const bytes = Object.entries(fields).flatMap(([number, { type, bytes }]) => {
      const head = ((number - last) << 4) | type;
      last = Number(number);
      return [head, ...bytes];
    });
    return { type: 12, bytes: [...bytes, 0] };
  },
};

/** A Parquet file with a column `text`, its values plain and packed by nothing. */
function parquet(texts) {
  const { i32, i64, text, list, structure } = thrift;
  const BYTE_ARRAY = 6, PLAIN = 0, RLE = 3, UTF8 = 0, REQUIRED = 0, UNCOMPRESSED = 0, DATA_PAGE = 0;
  const little = (value) => [0, 8, 16, 24].map((shift) => (value >> shift) & 255);
  const values = texts.flatMap((text) => [...little(text.length), ...Buffer.from(text)]);
  const page = structure({
    1: i32(DATA_PAGE),
    2: i32(values.length),
    3: i32(values.length),
    5: structure({ 1: i32(texts.length), 2: i32(PLAIN), 3: i32(RLE), 4: i32(RLE) }),
  }).bytes;
  const size = i64(page.length + values.length);
  const column = structure({
    1: i32(BYTE_ARRAY),
    2: list([i32(PLAIN)]),
    3: list([text("text")]),
    4: i32(UNCOMPRESSED),
    5: i64(texts.length),
    6: size,
    7: size,
    9: i64(4),
  });
  const metadata = structure({
    1: i32(1),
    2: list([
      structure({ 4: text("schema"), 5: i32(1) }),
      structure({ 1: i32(BYTE_ARRAY), 3: i32(REQUIRED), 4: text("text"), 6: i32(UTF8) }),
    ]),
    3: i64(texts.length),
    4: list([structure({ 1: list([structure({ 2: i64(4), 3: column })]), 2: size, 3: i64(texts.length) })]),
  }).bytes;
  return [...Buffer.from("PAR1"), ...page, ...values, ...metadata, ...little(metadata.length), ...Buffer.from("PAR1")];
}

/** A crawl of pages, by address. */
const warc = (pages) =>
  Object.entries(pages)
    .map(([address, page], at) => {
      const body = `HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${page}`;
      const head = [
        "WARC/1.0",
        "WARC-Type: response",
        `WARC-Target-URI: ${address}`,
        "WARC-Date: 2024-05-01T00:00:00Z",
        `WARC-Record-ID: <urn:uuid:0000000${at}-0000-0000-0000-000000000000>`,
        "Content-Type: application/http; msgtype=response",
        `Content-Length: ${body.length}`,
      ];
      return `${head.join("\r\n")}\r\n\r\n${body}\r\n\r\n`;
    })
    .join("");

/** Drops files, texts or lists of bytes, on the app as a person does from a folder. */
function drop(page, files) {
  return page.evaluate((files) => {
    const dataTransfer = new DataTransfer();
    for (const [name, content] of Object.entries(files)) {
      const bytes = Array.isArray(content) ? new Uint8Array(content) : content;
      dataTransfer.items.add(new File([bytes], name));
    }
    const options = { dataTransfer, bubbles: true, cancelable: true };
    const canvas = document.getElementById("canvas");
    for (const kind of ["dragenter", "dragover", "drop"]) canvas.dispatchEvent(new DragEvent(kind, options));
  }, files);
}

export async function files_that_are_dropped_are_cleaned_in_the_tab_and_learnt_from(site) {
  const context = await site.profile();
  const page = await site.tab(context, "?page=data");
  await send(page, { command: "create_project", name: "Harbours" });
  await until(page, ({ project }) => project?.name === "Harbours", "the project");
  const asked = [];
  context.on("request", (request) => asked.push(`${request.method()} ${request.url()}`));

  const writer = new Writer();
  const paragraphs = (count) => Array.from({ length: count }, () => writer.paragraph());
  const harbour = html("The harbour", [...paragraphs(4), "Write to keeper@harbour.example with questions."]);
  const files = {
    "harbour.html": harbour,
    "notes.csv": csv(paragraphs(12)),
    "paper.pdf": pdf(writer.paragraph()),
    "table.parquet": parquet(paragraphs(3)),
    "cut.parquet": parquet(paragraphs(1)).slice(0, -20),
    // The page again, word for word, beside one that is only here.
    "crawl.warc": warc({ "https://example.org/again": harbour, "https://example.org/mill": html("The mill", paragraphs(4)) }),
  };
  await drop(page, files);
  await until(page, ({ documents }) => documents?.files === 6, "the files");
  await until(page, ({ cleaning }) => cleaning.sample?.documents === 20, "a judged sample");

  const { report } = event(await send(page, { command: "clean" }), "cleaning");
  const removed = Object.fromEntries(
    report.stages.filter(({ removed }) => removed.documents > 0).map(({ name, removed }) => [name, removed.documents]),
  );
  assert.deepEqual(removed, { length: 1, "exact-duplicates": 1 });
  assert.deepEqual([report.raw.documents, report.kept.documents, report.troubles.count], [20, 18, 1]);
  const shown = await until(page, ({ cleaning, documents }) => !cleaning.phase && documents.cleaned, "the report in the app");
  assert.deepEqual(shown.messages, []);
  assert.deepEqual(shown.cleaning.report, { documents: 20, kept: 18, dropped: 2 });
  assert.equal(shown.documents.documents, 18);

  const [trouble] = report.troubles.listed;
  assert.match(`${trouble.place}: ${trouble.reason}`, /cut.parquet: does not end like a Parquet file/);

  const dropped = event(await send(page, { command: "list_dropped", stage: null, offset: 0, count: 10 }), "dropped").documents;
  assert.deepEqual(dropped.map(({ id, rule }) => [id, rule]).sort(), [
    ["harbour.html", "exact-duplicates"],
    ["notes.csv#13", "length"],
  ]);
  const listed = event(await send(page, { command: "list_documents", search: "", offset: 0, count: 50, validation: 0.1 }), "documents");
  const texts = [];
  for (const { number } of listed.documents) texts.push(event(await send(page, { command: "read_document", number }), "document").text);
  assert(texts.some((text) => text.includes("Write to <EMAIL> with questions.")), "what was personal is replaced");
  assert(!texts.some((text) => /Shop|Imprint|track|keeper@/.test(text)), "what surrounds an article is gone");

  const config = await tiny(page, 30, { checkpoint_interval: 0 });
  const steps = losses(await send(page, { command: "train", config }));
  assert.equal(Object.keys(steps).length, 30);
  assert(steps[30] < steps[1] - 0.3, `the loss falls: ${steps[1]} to ${steps[30]}`);

  const elsewhere = asked.filter((one) => !one.startsWith(`GET ${site.address}`) && !one.startsWith("GET blob:"));
  assert.deepEqual(elsewhere, [], "nothing leaves the tab");
  assert.deepEqual(page.problems, []);
}

/** A beginning of Sōseki's, and its bytes in Shift JIS, which no browser writes. */
const CAT = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。";
const CAT_IN_SHIFT_JIS =
  "8ce1947982cd944c82c582a082e9814296bc914f82cd82dc82be96b382a2814282c782b182c590b682ea82bd82a982c682f182c68ca9939682aa82c282a982ca814289bd82c582e0949688c382a282b682df82b682df82b582bd8f8a82c5836a8383815b836a8383815b8b8382a282c482a282bd8e9682be82af82cd8b4c89af82b582c482a282e98142";

export async function texts_in_old_encodings_are_read_by_a_module_that_the_tab_fetches(site) {
  const page = await site.tab(await site.profile(), "?page=data");
  await send(page, { command: "create_project", name: "Encodings" });
  await until(page, ({ project }) => project?.name === "Encodings", "the project");
  const street = "Die Mädchen hörten über die Straße hinweg die Vögel, und der Bäcker grüßte schöne Gäste für fünf Brötchen.";
  await drop(page, { "street.txt": [...Buffer.from(street, "latin1")], "cat.txt": [...Buffer.from(CAT_IN_SHIFT_JIS, "hex")] });
  await until(page, ({ documents }) => documents?.files === 2, "the files");
  const listed = event(await send(page, { command: "list_documents", search: "", offset: 0, count: 9, validation: 0.1 }), "documents");
  const texts = [];
  for (const { number } of listed.documents) texts.push(event(await send(page, { command: "read_document", number }), "document").text.trim());
  assert.deepEqual(texts.sort(), [street, CAT].sort());
  assert.deepEqual(page.problems, []);
}

export async function looking_for_a_document_among_many_is_given_up(site) {
  const context = await site.profile();
  const page = await site.tab(context, "?page=home");
  await send(page, { command: "create_project", name: "Many" });
  const kind = await page.evaluate(async () => {
    const { engine } = globalThis.glasshouse;
    const lines = Array.from({ length: 200_000 }, (_, at) => JSON.stringify({ text: `Note ${at}.` })).join("\n");
    await engine.request({ command: "change_documents", change: "add", names: ["notes.jsonl"] }, { files: [new TextEncoder().encode(lines)] });
    // The engine hears of it once the search gives others a turn: not when this thread, which draws, comes to an event of the search.
    const sent = (request) => engine.request({ command: "cancel", request });
    return engine.request({ command: "compare_document", id: "none" }, { sent }).then(() => "found", ({ kind }) => kind);
  });
  assert.equal(kind, "cancelled");
}
