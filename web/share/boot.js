// Opens a shared model's page: unpacks the engine and its scripts, which the page contains, and starts web/share/page.js.
// It is inlined into the page, whose policy allows no other script, so that nothing in a model can run as code.

"use strict";

/** 85 printable characters without special meaning in HTML or JavaScript. */
const DIGITS = "!#$%()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|";

/** Removes a block of text from the page and decodes it: five base-85 digits are four bytes, most significant first. */
function take(id) {
  const element = document.getElementById(id);
  const text = element.textContent;
  element.remove();
  const values = new Uint8Array(128);
  [...DIGITS].forEach((digit, value) => (values[digit.charCodeAt(0)] = value));
  const rest = text.length % 5;
  const bytes = new Uint8Array(Math.floor(text.length / 5) * 4 + Math.max(rest - 1, 0));
  for (let from = 0, to = 0; from < text.length; from += 5) {
    let word = 0;
    // A shorter last group is padded with the highest digit.
    for (let at = from; at < from + 5; at++) word = word * 85 + (at < text.length ? values[text.charCodeAt(at)] : 84);
    for (let shift = 24; shift >= 0; shift -= 8) if (to < bytes.length) bytes[to++] = word >>> shift;
  }
  return bytes;
}

/** Unpacks an .lzma file with its length in the header; after LzmaSpec.cpp of the LZMA SDK, which is in the public domain. */
function unlzma(input) {
  const [lc, lp, pb] = [input[0] % 9, Math.floor(input[0] / 9) % 5, Math.floor(input[0] / 45)];
  const size = new DataView(input.buffer, input.byteOffset).getUint32(5, true);
  const output = new Uint8Array(size);
  // Offsets of the probabilities in one array.
  const [IS_MATCH, IS_REP, IS_REP0, IS_REP1, IS_REP2, IS_LONG, SLOT, ALIGN, SPECIAL, LENGTH, REP_LENGTH, LITERAL] =
    [0, 192, 204, 216, 228, 240, 432, 688, 704, 832, 1346, 1860];
  const odds = new Uint16Array(LITERAL + (0x300 << (lc + lp))).fill(1024);
  let [at, range, code] = [18, 0xffffffff, new DataView(input.buffer, input.byteOffset).getUint32(14)];

  function bit(place) {
    const odd = odds[place];
    const bound = (range >>> 11) * odd;
    let found = 0;
    if (code < bound) {
      range = bound;
      odds[place] = odd + ((2048 - odd) >>> 5);
    } else {
      range -= bound;
      code -= bound;
      odds[place] = odd - (odd >>> 5);
      found = 1;
    }
    if (range < 0x1000000) {
      range *= 256;
      code = code * 256 + input[at++];
    }
    return found;
  }

  function tree(place, bits) {
    let node = 1;
    for (let left = bits; left > 0; left--) node = (node << 1) | bit(place + node);
    return node - (1 << bits);
  }

  function reversed(place, bits) {
    let [node, value] = [1, 0];
    for (let number = 0; number < bits; number++) {
      const found = bit(place + node);
      node = (node << 1) | found;
      value |= found << number;
    }
    return value;
  }

  function direct(bits) {
    let value = 0;
    for (let left = bits; left > 0; left--) {
      range = Math.floor(range / 2);
      const found = code >= range ? 1 : 0;
      if (found) code -= range;
      if (range < 0x1000000) {
        range *= 256;
        code = code * 256 + input[at++];
      }
      value = value * 2 + found;
    }
    return value;
  }

  function length(place, position) {
    if (!bit(place)) return 2 + tree(place + 2 + (position << 3), 3);
    if (!bit(place + 1)) return 10 + tree(place + 130 + (position << 3), 3);
    return 18 + tree(place + 258, 8);
  }

  let [state, out, rep0, rep1, rep2, rep3] = [0, 0, 0, 0, 0, 0];
  const [positions, literals] = [(1 << pb) - 1, (1 << lp) - 1];
  while (out < size) {
    const position = out & positions;
    if (!bit(IS_MATCH + (state << 4) + position)) {
      const before = out > 0 ? output[out - 1] : 0;
      const place = LITERAL + 0x300 * (((out & literals) << lc) + (before >>> (8 - lc)));
      let symbol = 1;
      if (state >= 7) {
        let other = output[out - rep0 - 1];
        while (symbol < 0x100) {
          const wanted = (other >>> 7) & 1;
          other <<= 1;
          const found = bit(place + ((1 + wanted) << 8) + symbol);
          symbol = (symbol << 1) | found;
          if (wanted !== found) break;
        }
      }
      while (symbol < 0x100) symbol = (symbol << 1) | bit(place + symbol);
      output[out++] = symbol;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let count;
    if (bit(IS_REP + state)) {
      if (!bit(IS_REP0 + state)) {
        if (!bit(IS_LONG + (state << 4) + position)) {
          state = state < 7 ? 9 : 11;
          output[out] = output[out - rep0 - 1];
          out += 1;
          continue;
        }
      } else if (!bit(IS_REP1 + state)) {
        [rep0, rep1] = [rep1, rep0];
      } else if (!bit(IS_REP2 + state)) {
        [rep0, rep1, rep2] = [rep2, rep0, rep1];
      } else {
        [rep0, rep1, rep2, rep3] = [rep3, rep0, rep1, rep2];
      }
      count = length(REP_LENGTH, position);
      state = state < 7 ? 8 : 11;
    } else {
      [rep1, rep2, rep3] = [rep0, rep1, rep2];
      count = length(LENGTH, position);
      state = state < 7 ? 7 : 10;
      const slot = tree(SLOT + (Math.min(count - 2, 3) << 6), 6);
      rep0 = slot;
      if (slot >= 4) {
        const bits = (slot >>> 1) - 1;
        rep0 = (2 | (slot & 1)) * 2 ** bits;
        if (slot < 14) rep0 += reversed(SPECIAL + rep0 - slot, bits);
        else rep0 += direct(bits - 4) * 16 + reversed(ALIGN, 4);
      }
    }
    if (rep0 >= out || out + count > size) throw new Error("the page is damaged; get it again");
    for (const end = out + count; out < end; out++) output[out] = output[out - rep0 - 1];
  }
  return output;
}

/** The files of a bundle by name. Its format: a line of JSON with names and lengths, then the bytes. */
function filesOf(bundle) {
  const end = bundle.indexOf(10);
  let start = end + 1;
  const entries = JSON.parse(new TextDecoder().decode(bundle.subarray(0, end)));
  return new Map(entries.map(([name, length]) => [name, bundle.subarray(start, (start += length))]));
}

const script = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

/** The first message to a worker carries its files and is hidden from the worker's own script. */
function receive() {
  const take = (event) => {
    event.stopImmediatePropagation();
    globalThis.glasshouseBundle = { files: event.data.files };
  };
  addEventListener("message", take, { once: true });
}

async function begin() {
  // Lets the browser draw the page first.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const files = filesOf(unlzma(take("engine")));
  const text = (name) => new TextDecoder().decode(files.get(name));
  // Browsers allow no module workers in pages opened as files.
  const worker = (name) => {
    const made = new Worker(script(`(${receive})();\n${text("worker.js")}`), { name });
    made.postMessage({ files: new Map([...files].filter(([file]) => file === "templates_bg.wasm")) });
    return made;
  };
  globalThis.glasshouseBundle = { files, worker };
  await new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: script(text("page.js")), onload: resolve, onerror: reject });
    document.body.append(element);
  });
  const [facts, home] = ["facts", "home"].map((id) => JSON.parse(document.getElementById(id).textContent));
  const licences = text("third-party-licenses.txt");
  await globalThis.glasshousePage.show({ facts, home, model: take("model"), licences });
}

begin().catch((error) => {
  document.getElementById("state").textContent = `This page could not be opened: ${error.message ?? error}`;
  console.error(error);
});
