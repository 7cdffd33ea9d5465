// Browsers other than Chromium, driven from outside: Firefox by WebDriver BiDi, which it speaks itself, and a WebKit by its WebDriver.
// Both are asked for little: to open a page, to load it again, and to call a function in it.

import { spawn } from "node:child_process";
import { request } from "node:http";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";

const FIREFOX = [process.env.GLASSHOUSE_FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"];
const WEBKIT_DRIVER = [process.env.GLASSHOUSE_WEBKIT_DRIVER, "/usr/bin/WebKitWebDriver"];
const MINI_BROWSER = [
  "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
  "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
  "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
];

const found = (places) => places.find((place) => place && existsSync(place));

/** Which of the browsers there are. */
export const installed = {
  firefox: () => found(FIREFOX) !== undefined,
  webkit: () => found(WEBKIT_DRIVER) !== undefined && found(MINI_BROWSER) !== undefined,
};

/** The text of a function that calls another with arguments as JSON and answers as JSON. */
const called = (work) => `async (given) => JSON.stringify((await (${work})(...JSON.parse(given))) ?? null)`;

/** Waits for a line of a program's output that fits; resolves to the match. */
function said(program, pattern) {
  return new Promise((resolve, reject) => {
    let text = "";
    const hear = (part) => {
      text += part;
      const match = pattern.exec(text);
      if (match) resolve(match);
    };
    program.stdout.on("data", hear);
    program.stderr.on("data", hear);
    program.on("exit", () => reject(new Error(`it ended: ${text.slice(-2000)}`)));
  });
}

/** A screen that is not there; resolves to its process and the environment in which programs find it. */
async function screen(more = {}) {
  const server = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x800x24"], { stdio: ["ignore", "pipe", "pipe"] });
  const [, display] = await said(server, /^(\d+)\n/m);
  return [server, { ...process.env, DISPLAY: `:${display}`, ...more }];
}

/** A Firefox in a profile of its own. Its headless mode has no WebGL where there is no GPU. */
export class Firefox {
  #process;
  #screen;
  #socket;
  #profile;
  #context;
  #last = 0;
  #waiting = new Map();

  static async open() {
    const browser = new Firefox();
    browser.#profile = mkdtempSync(join(tmpdir(), "glasshouse-firefox-"));
    // A machine for tests has no GPU, and must not call home.
    const preferences = {
      "webgl.force-enabled": true,
      "app.update.enabled": false,
      "app.normandy.enabled": false,
      "browser.aboutwelcome.enabled": false,
      "browser.preonboarding.enabled": false,
      "browser.startup.page": 0,
      "termsofuse.bypassNotification": true,
      "browser.shell.checkDefaultBrowser": false,
      "datareporting.policy.dataSubmissionEnabled": false,
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      "dom.ipc.processHangMonitor": false,
    };
    const lines = Object.entries(preferences).map(([name, value]) => `user_pref("${name}", ${value});\n`);
    writeFileSync(join(browser.#profile, "user.js"), lines.join(""));
    let environment;
    [browser.#screen, environment] = await screen({ HOME: browser.#profile, MOZ_ENABLE_WAYLAND: "0" });
    const words = ["--no-remote", "--profile", browser.#profile, "--remote-debugging-port=0"];
    browser.#process = spawn(found(FIREFOX), words, { stdio: ["ignore", "pipe", "pipe"], env: environment });
    const [, address] = await said(browser.#process, /WebDriver BiDi listening on (ws:\S+)/);
    browser.#socket = new WebSocket(`${address}/session`, { maxPayload: 1 << 30 });
    await new Promise((resolve, reject) => browser.#socket.once("open", resolve).once("error", reject));
    browser.#socket.on("message", (text) => browser.#hear(JSON.parse(text)));
    browser.#process.once("exit", (code, signal) => {
      for (const { reject } of browser.#waiting.values()) reject(new Error(`Firefox ended (${signal ?? code})`));
    });
    const { capabilities } = await browser.#send("session.new", { capabilities: {} });
    browser.name = `Firefox ${capabilities.browserVersion}`;
    const { contexts } = await browser.#send("browsingContext.getTree", {});
    browser.#context = contexts[0].context;
    return browser;
  }

  #hear({ id, result, error, message }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`${error}: ${message}`));
    else waiting?.resolve(result);
  }

  #send(method, params) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  goto(url) {
    return this.#send("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
  }

  reload() {
    return this.#send("browsingContext.reload", { context: this.#context, wait: "complete" });
  }

  async evaluate(work, ...given) {
    const answer = await this.#send("script.callFunction", {
      functionDeclaration: called(work),
      arguments: [{ type: "string", value: JSON.stringify(given) }],
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
    return JSON.parse(answer.result.value);
  }

  async close() {
    await this.#send("browser.close", {}).catch(() => {});
    this.#socket.close();
    if (this.#process.exitCode === null) {
      const ended = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill();
      await ended;
    }
    this.#screen.kill();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

/** A WebKit as GTK has it, on a screen that is not there. */
export class WebKit {
  #driver;
  #screen;
  #base;
  #folder;

  static async open() {
    const browser = new WebKit();
    browser.#folder = mkdtempSync(join(tmpdir(), "glasshouse-webkit-"));
    let environment;
    [browser.#screen, environment] = await screen({ HOME: browser.#folder, XDG_RUNTIME_DIR: browser.#folder });
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    browser.#driver = spawn(found(WEBKIT_DRIVER), [`--port=${port}`], { stdio: "ignore", env: environment });
    const server = `http://127.0.0.1:${port}`;
    const options = { binary: found(MINI_BROWSER), args: ["--automation"] };
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": options } };
    for (let trial = 0; ; trial += 1) {
      try {
        const { sessionId, capabilities: has } = await send("POST", `${server}/session`, { capabilities });
        browser.#base = `${server}/session/${sessionId}`;
        browser.name = `WebKitGTK ${has.browserVersion}`;
        break;
      } catch (error) {
        if (trial > 40) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    await send("POST", `${browser.#base}/timeouts`, { script: 600_000 });
    return browser;
  }

  goto(url) {
    return send("POST", `${this.#base}/url`, { url });
  }

  reload() {
    return send("POST", `${this.#base}/refresh`, {});
  }

  async evaluate(work, ...given) {
    const script = `const answer = arguments[1]; (${called(work)})(arguments[0]).then((found) => answer({ found }),
      (error) => answer({ error: [error, error.stack, error.cause?.stack].join("\\n") }));`;
    const { found: text, error } = await send("POST", `${this.#base}/execute/async`, { script, args: [JSON.stringify(given)] });
    if (error) throw new Error(error);
    return JSON.parse(text);
  }

  async close() {
    await send("DELETE", this.#base).catch(() => {});
    this.#driver.kill();
    this.#screen.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A request of WebDriver's. `fetch` gives up on an answer that takes longer than five minutes, as training may. */
async function send(method, address, body) {
  const text = await new Promise((resolve, reject) => {
    const asked = request(address, { method }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part)).on("end", () => resolve(text)).on("error", reject);
    });
    asked.on("error", reject).end(body && JSON.stringify(body));
  });
  const { value } = JSON.parse(text);
  if (value?.error) throw new Error(`${value.error}: ${value.message}`);
  return value;
}
