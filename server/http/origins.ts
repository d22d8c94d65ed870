// Which web pages' programs may use this server (http.origins): the Origin of a WebSocket (RFC 6455 section 10.2), and CORS.

/** What a browser is told of a resource that pages of other origins may use. */
export type CorsHeaders = Readonly<Record<string, string>>;

export class Origins {
  readonly #everyone: boolean;
  readonly #allowed: ReadonlySet<string>;

  /** @param allowed origins such as https://chat.example.org; "*": every one */
  constructor(allowed: readonly string[]) {
    this.#everyone = allowed.includes("*");
    this.#allowed = new Set(allowed.map((origin) => origin.toLowerCase()));
  }

  /** @param origin undefined: it is no browser that asks */
  allows(origin: string | undefined): boolean {
    return origin === undefined || this.#everyone || this.#allowed.has(origin.toLowerCase());
  }

  /** For the answer to a request from such a page. No cookies are used, so none are allowed for. */
  headers(origin: string | undefined): CorsHeaders {
    if (this.#everyone) return { "access-control-allow-origin": "*" };
    const vary = { vary: "Origin" };
    return origin !== undefined && this.allows(origin) ? { "access-control-allow-origin": origin, ...vary } : vary;
  }
}
