// Downloads for the engine's worker; called by engine/platform/src/network.rs.

/** Timeout without data, in milliseconds. */
const PATIENCE = 30_000;

/** The error for a failed response. */
function refusal({ status }) {
  const isHidden = status === 401 || status === 403;
  const advice = isHidden ? ": there is no such public model; look for its name there" : "; check the URL, or try again later";
  return new Error(`its server answers ${status}${advice}`);
}

globalThis.NetworkFile = class NetworkFile {
  #address;
  #abort = new AbortController();
  #reader = null;

  constructor(address) {
    this.#address = address;
  }

  /** A promise with a timeout. */
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
    // No cookies: downloads must not depend on the user's logins.
    const asked = fetch(this.#address, { method, credentials: "omit", signal: this.#abort.signal });
    try {
      return await this.#within(asked);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // Browsers do not reveal the cause.
      throw new Error("there is no network, no such server, or it does not let pages of other sites read its files; check the URL, or download it and choose the files");
    }
  }

  /** Length in bytes, -1 if the server does not report it, null if there is no such file. */
  async find() {
    let answer = await this.#ask("HEAD");
    // Servers without HEAD: request the file without reading it; `end` aborts the request.
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
