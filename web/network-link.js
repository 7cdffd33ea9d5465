// Files of other servers for the engine's worker, which calls it (engine/platform/src/network.rs).

/** Milliseconds that a server may be silent. */
const PATIENCE = 30_000;

/** Why an answer brings no file. */
function refusal({ status }) {
  const isHidden = status === 401 || status === 403;
  const advice = isHidden ? ": there is no such public model; look for its name there" : "; check the address, or try again later";
  return new Error(`its server answers ${status}${advice}`);
}

globalThis.NetworkFile = class NetworkFile {
  #address;
  #abort = new AbortController();
  #reader = null;

  constructor(address) {
    this.#address = address;
  }

  /** A promise, or its end where the server is silent for too long. */
  async #within(promise) {
    let timer;
    const silence = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`its server was silent for ${PATIENCE / 1000} seconds; try again later`)), PATIENCE);
    });
    try {
      return await Promise.race([promise, silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(method) {
    // Whoever the person is elsewhere is nobody's business here.
    const asked = fetch(this.#address, { method, credentials: "omit", signal: this.#abort.signal });
    try {
      return await this.#within(asked);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // A browser does not say which.
      throw new Error("there is no network, no such server, or it does not let pages of other sites read its files; check the address, or download it and choose the files");
    }
  }

  /** Its length in bytes, -1 where the server does not say, null where it has no such file. */
  async find() {
    let answer = await this.#ask("HEAD");
    // It knows no other question than for the whole file, whose bytes need not be heard: the end of this object ends them.
    if (answer.status === 405 || answer.status === 501) answer = await this.#ask("GET");
    if (answer.status === 404) return null;
    if (!answer.ok) throw refusal(answer);
    const length = answer.headers.get("content-length");
    return length === null ? -1 : Number(length);
  }

  /** The next bytes; undefined at the end. */
  async next() {
    if (!this.#reader) {
      const answer = await this.#ask("GET");
      if (!answer.ok) throw refusal(answer);
      this.#reader = answer.body.getReader();
    }
    const { done, value } = await this.#within(this.#reader.read());
    return done ? undefined : value;
  }

  end() {
    this.#abort.abort();
  }
};
