// Who may ask what: the page is for the user of this machine and for nobody's web page. Requests need the right Host
// (against DNS rebinding), no foreign Origin (against forged requests) and the token, which a cookie carries.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Why a request is refused. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

const longestAddress = 2048;
const largestBody = 4096;
const onward = '<meta http-equiv="refresh" content="0; url=/"><link rel="icon" href="data:,">';

export class Guard {
  /** What the address that opens the page holds. */
  readonly token = randomBytes(24).toString("base64url");
  #port = 0;

  /** Told when it is known. */
  set port(port: number) {
    this.#port = port;
  }

  /** Why a request is refused; undefined where it may be answered. */
  refuse(request: IncomingMessage): Refusal | undefined {
    const { method = "", url = "", headers } = request;
    if (url.length > longestAddress) return { status: 414, reason: "the address is too long" };
    if (!this.#isOurs(headers.host)) return { status: 403, reason: "wrong host" };
    if (method !== "GET" && method !== "POST") return { status: 405, reason: "not this method" };
    const { origin } = headers;
    if (origin !== undefined && !this.#isOurOrigin(origin)) {
      return { status: 403, reason: "wrong origin" };
    }
    const site = headers["sec-fetch-site"];
    const isNavigation = method === "GET" && headers["sec-fetch-mode"] === "navigate";
    if (site === "cross-site" && !isNavigation) return { status: 403, reason: "wrong site" };
    if (method === "GET") return undefined;
    if (origin === undefined) return { status: 403, reason: "no origin" };
    if (headers["content-type"] !== "application/json") {
      return { status: 415, reason: "expected application/json" };
    }
    const length = Number(headers["content-length"] ?? Number.NaN);
    return length >= 0 && length <= largestBody ? undefined : { status: 413, reason: "too large" };
  }

  /** Whether a request carries the token in its cookie. */
  isKnown({ headers }: IncomingMessage): boolean {
    const cookies = (headers.cookie ?? "").split("; ");
    return cookies.some((cookie) => {
      const [name, value = ""] = cookie.split("=");
      return name === this.#cookieName && isSame(value, this.token);
    });
  }

  /**
   * Gives the cookie to a request whose address holds the token; false where it does not. The answer is a page that
   * leads on, since browsers withhold a strict cookie after a redirection that began on a page from elsewhere.
   */
  admit(token: string, response: ServerResponse): boolean {
    if (!isSame(token, this.token)) return false;
    const cookie = `${this.#cookieName}=${this.token}; HttpOnly; SameSite=Strict; Path=/`;
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "set-cookie": cookie });
    response.end(`<!doctype html><title>DeepObf</title>${onward}\n`);
    return true;
  }

  /** Ports are no part of a cookie's place, so its name tells two servers apart. */
  get #cookieName(): string {
    return `deepobf-${this.#port}`;
  }

  /** Browsers leave out the port that http has by default. */
  get #hosts(): string[] {
    const names = ["127.0.0.1", "localhost", "[::1]"];
    const whole = names.map((name) => `${name}:${this.#port}`);
    return this.#port === 80 ? [...whole, ...names] : whole;
  }

  #isOurs(host: string | undefined): boolean {
    return host !== undefined && this.#hosts.includes(host);
  }

  #isOurOrigin(origin: string): boolean {
    return this.#hosts.some((host) => origin === `http://${host}`);
  }
}

/** Compares in a time that tells nothing. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
