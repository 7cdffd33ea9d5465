// The link from a page to an engine on another machine, over a WebSocket (app/src/serve/remote): the same interface as a worker, for EngineLink.
// A lost connection is opened again; both sides then repeat what the other missed.

/** Bytes of a file in one frame. */
const PART = 64 << 10;
/** Bytes that may wait in the socket. */
const WAITING = 8 << 20;
/** Milliseconds without a message after which the connection counts as lost; the server sends one every five seconds. */
const SILENCE = 16_000;
/** Milliseconds before the connection is opened again. */
const PAUSE = 1_000;
/** Bytes of files from which the progress of a transfer is shown. */
const LARGE = 4 << 20;
/** Maximum length of a request without its files. */
const MAX_REQUEST = 12 << 20;
/** Failed attempts to connect after which the page asks why. */
const ATTEMPTS = 3;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const sum = (lengths) => lengths.reduce((sum, length) => sum + length, 0);

/**
 * Connects. Calls `hear(data)` with what a worker would post. `say(text, actions)` shows a line with a button for each of `actions`, and
 * returns an object with `text` and `remove()`.
 */
export function connect(hear, say) {
  const browser = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  /** Messages that the server has not received in full. */
  const unsent = [];
  let sent = 0;
  /** Number of the last report; null before the first connection. */
  let last = null;
  let socket = null;
  let beat = null;
  let closed = false;
  let attempts = 0;
  const lines = {};

  /** Shows, changes or removes the message of a kind. */
  const setLine = (kind, text, actions) => {
    if (text && lines[kind] && !actions) lines[kind].text = text;
    else {
      lines[kind]?.remove();
      lines[kind] = text ? say(text, actions) : undefined;
    }
  };

  function open() {
    const at = new URL("./link", location.href);
    at.protocol = at.protocol.replace("http", "ws");
    at.search = new URLSearchParams({ browser, ...(last === null ? {} : { last }) });
    const own = (socket = new WebSocket(at));
    own.binaryType = "arraybuffer";
    /** The report that is arriving: its head, its text and its files. */
    let report = null;
    let welcomed = false;
    const resetTimeout = () => {
      clearTimeout(beat);
      beat = setTimeout(() => own.close(), SILENCE);
    };
    resetTimeout();
    own.addEventListener("message", ({ data }) => {
      resetTimeout();
      if (typeof data !== "string") return part(new Uint8Array(data));
      if (report && report.text === null) {
        report.text = data;
        return whole();
      }
      const message = JSON.parse(data);
      if ("gone" in message) return location.reload();
      if (message.refused) {
        closed = true;
        setLine("lost", `The other machine refuses: ${message.refused}.`);
      } else if (message.note) {
        attempts = 0;
        note(message.note);
        if (!welcomed) pump(own, message.note);
        welcomed = true;
      } else {
        const arrived = message.files.map((length) => new Uint8Array(length));
        report = { ...message, text: null, arrived, total: sum(message.files), file: 0, at: 0 };
      }
    });
    own.addEventListener("close", () => {
      clearTimeout(beat);
      if (closed || socket !== own) return;
      setLine("download");
      if (attempts === 0) setLine("lost", "The connection to the other machine is lost. Trying again; its work goes on.");
      attempts += 1;
      if (attempts % ATTEMPTS === 0) why();
      setTimeout(open, PAUSE);
    });

    /** Says why no connection opens. */
    async function why() {
      const answer = await fetch("./").catch(() => null);
      if (answer?.status === 401) setLine("lost", "The program on the other machine was started again: open the link that its terminal prints.");
      else if (!answer) setLine("lost", "The program on the other machine has ended, or cannot be reached. Trying again.");
    }

    function part(bytes) {
      while (bytes.length > 0 && report) {
        const file = report.arrived[report.file];
        if (report.at === file.length) {
          [report.file, report.at] = [report.file + 1, 0];
          continue;
        }
        const some = bytes.subarray(0, file.length - report.at);
        file.set(some, report.at);
        report.at += some.length;
        bytes = bytes.subarray(some.length);
        if (report.files.length > 0) whole();
      }
    }

    /** Passes a report on once it has arrived in full. */
    function whole() {
      const { number, request, text, arrived, total, file, at, files } = report;
      const missing = sum(files.slice(file)) - at;
      if (missing > 0) {
        if (total >= LARGE) setLine("download", `Downloading: ${megabytes(total - missing)} of ${megabytes(total)}.`);
        return;
      }
      report = null;
      setLine("download");
      last = number;
      hear({ report: text, files: arrived, request });
    }
  }

  function note({ received, steers, start }) {
    setLine("lost");
    last ??= start;
    while (unsent.length > 0 && unsent[0].message <= received) unsent.shift();
    if (unsent.length === 0) setLine("upload");
    const other = "Another browser steers this program; here it can be watched.";
    if (steers) setLine("steers");
    else if (!lines.steers) setLine("steers", other, { "Steer here": () => {
      lines.steers = undefined;
      socket.send(JSON.stringify({ steer: true }));
    } });
  }

  /** Sends what the server lacks, in order, over one connection. The first message goes on where the last connection ended. */
  async function pump(own, { received, partial }) {
    let next = received + 1;
    let skip = partial;
    for (;;) {
      const message = unsent.find((one) => one.message === next);
      if (own.readyState !== WebSocket.OPEN) return;
      if (!message) {
        await new Promise((resolve) => (wake = resolve));
        continue;
      }
      const { request, files } = message;
      const sizes = files.map((file) => file.size ?? file.byteLength);
      const total = sum(sizes);
      own.send(JSON.stringify({ message: next, request, files: sizes }));
      let done = 0;
      sending: for (const [at, file] of files.entries()) {
        for (let from = 0; from < sizes[at]; from += PART) {
          const until = Math.min(from + PART, sizes[at]);
          const start = Math.max(from, from + Math.min(skip - done, until - from));
          done += until - from;
          if (start >= until) continue;
          const some = file.slice(start, until);
          const bytes = some instanceof Blob ? await some.arrayBuffer().catch(() => null) : some;
          if (bytes === null) {
            own.send(JSON.stringify({ drop: next }));
            refuse(request, "a file changed or was removed while it was uploaded; choose it again");
            break sending;
          }
          while (own.bufferedAmount > WAITING && own.readyState === WebSocket.OPEN) await new Promise((resolve) => setTimeout(resolve, 20));
          if (own.readyState !== WebSocket.OPEN) return;
          own.send(bytes);
          if (total >= LARGE) setLine("upload", `Uploading: ${megabytes(done)} of ${megabytes(total)}.`);
        }
      }
      skip = 0;
      next += 1;
    }
  }

  /** Answers a request in place of the other machine. */
  function refuse(request, message) {
    const { id } = JSON.parse(request);
    const report = JSON.stringify({ request: id, event: { event: "failed", error: { kind: "refused", message } } });
    queueMicrotask(() => hear({ report, files: [], request: id }));
  }

  /** Wakes the sender that waits for a message. */
  let wake = () => {};

  open();
  return {
    postMessage(data) {
      if (data.ping !== undefined) queueMicrotask(() => hear({}));
      else if (data.configure !== undefined) queueMicrotask(() => hear({ id: data.id, configured: null, error: "settings are made on the other machine" }));
      else if (data.request !== undefined) {
        if (data.request.length > MAX_REQUEST) return refuse(data.request, "the request is too long to be sent to the other machine");
        sent += 1;
        unsent.push({ message: sent, request: data.request, files: data.files });
        wake();
      }
    },
    terminate() {
      closed = true;
      socket?.close();
    },
  };
}
