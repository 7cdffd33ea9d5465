// A native program that serves its page, and a folder for it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { event, losses, within } from "./site.mjs";

/** A program that serves its page, behind a proxy whose connections can be cut. */
export class Remote {
  links = [];
  #arrived = [];
  #sockets = new Set();

  static async open(program, folder, ...words) {
    const remote = new Remote();
    remote.process = spawn(program, words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    remote.process.stderr.setEncoding("utf8").on("data", (some) => {
      text += some;
      const found = [...text.matchAll(/http:\/\/\S+\?token=\w+/g)].map(([link]) => link);
      for (const link of found.slice(remote.links.length)) {
        remote.links.push(link);
        remote.#arrived.shift()?.();
      }
    });
    await within(remote.#next(), `a link, after ${words.join(" ")}`);
    const { port } = new URL(remote.links[0]);
    remote.proxy = createServer((socket) => {
      const on = connect(port, "127.0.0.1");
      for (const [one, other] of [[socket, on], [on, socket]]) {
        remote.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => remote.#sockets.delete(one));
        one.pipe(other);
      }
    });
    await new Promise((resolve) => remote.proxy.listen(0, "127.0.0.1", resolve));
    return remote;
  }

  #next() {
    return this.links.length > 0 ? Promise.resolve() : new Promise((resolve) => this.#arrived.push(resolve));
  }

  /** The last link, by way of the proxy. */
  link() {
    const link = new URL(this.links.at(-1));
    link.port = this.proxy.address().port;
    return link.href;
  }

  /** Ends all connections. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close() {
    this.proxy.close();
    this.cut();
    const ended = new Promise((resolve) => this.process.on("exit", resolve));
    this.process.kill("SIGINT");
    await within(ended, "the program to end");
  }
}

export async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "glasshouse-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const SMALL = ["layers=1", "width=32", "heads=2", "kv_heads=2", "context_length=32"].flatMap((set) => ["--set", `model.${set}`]);

/** Words of a command that trains a small model for some steps. */
export function trains(steps) {
  const rest = ["--steps", String(steps), "--batch-size", "4", "--set", "data.corpus_bytes=60000", "--device", "cpu"];
  return ["train", "--project", "native", "--preset", "nanogpt-cpu", ...SMALL, ...rest];
}

/** Trains 3,000 steps on the engine of another program; connections end whenever `meanwhile` cuts them. `page` is Playwright's or alike. */
export async function trainsThrough(page, meanwhile) {
  const answers = (command) => page.evaluate((command) => globalThis.glasshouse.send(command), command);
  const { config } = event(await answers({ command: "read_run", run: null, points: 10 }), "history");
  const trained = answers({ command: "train", config: { ...config, train: { ...config.train, steps: 3000, eval_interval: 1000 } } });
  await meanwhile();
  const steps = Object.keys(losses(await within(trained, "the end of the run", 150))).map(Number);
  assert.deepEqual([steps.length, steps[0], steps.at(-1)], [3000, 1, 3000], "every step was told once");
}

/** Uploads a text of 100 MB through connections that end within. */
export async function uploads(page, remote) {
  const added = page.evaluate(() => {
    const text = new TextEncoder().encode("The owl sat in the oak and sang. ".repeat(3_030_304));
    return globalThis.glasshouse.send({ command: "change_documents", change: "add", names: ["owls.txt"] }, [text]);
  });
  for (let cuts = 0; cuts < 3; cuts += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    remote.cut();
  }
  const { overview } = event(await within(added, "the upload", 90), "documents");
  assert.deepEqual(overview.files, [["owls.txt", 100_000_032]]);
}
