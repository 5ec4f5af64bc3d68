// The server of the live view: on this machine alone, for whoever has its token. Pages and their one script come from
// a fixed table; no address becomes a path on the disk.
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buildDemo, type DemoFiles } from "../demo/buildDemo.ts";
import { DeepObfError, ResourceError } from "../errors.ts";
import { compiledScript } from "../isolate/start.ts";
import { collectReport } from "../report/collect.ts";
import { isMissing } from "../report/missing.ts";
import { type RunCourse, readCourse, readOutcome } from "../report/readRun.ts";
import { renderReport } from "../report/writeReport.ts";
import { resumeRun, stopRun } from "./control.ts";
import { Feed } from "./feed.ts";
import { Guard } from "./guard.ts";
import { LiveReader } from "./liveState.ts";
import { type OverviewRow, overviewFragment, overviewPage, runFragment, runPage } from "./pages.ts";
import { folderOf, type ListedRun, listRuns } from "./runList.ts";

/** A running server. */
export interface WatchServer extends AsyncDisposable {
  /** The address that opens the page; it holds the token. */
  readonly url: string;
}

/** An answer without surprises: what it is, and its text. */
interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
  mjs: "text/javascript",
  onnx: "application/octet-stream",
  wasm: "application/wasm",
};

type Handler = (run: ListedRun, response: ServerResponse) => Promise<Answer | undefined>;

const mostListeners = 200;
const limits = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
};
const mostConnections = 512;

const everyAnswer = {
  "cache-control": "no-store",
  "content-security-policy": "frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Serves the runs of a folder on 127.0.0.1; port 0 takes any free one. Throws UsageError and ResourceError. */
export async function serveRuns(path: string, port = 0): Promise<WatchServer> {
  const folder = await folderOf(path);
  const view = new View(folder);
  const guard = new Guard();
  const server = createServer(limits, (request, response) => {
    for (const [name, value] of Object.entries(everyAnswer)) response.setHeader(name, value);
    handle(request, response, { view, guard }).catch((error: unknown) => {
      const isKnown = error instanceof DeepObfError;
      const message = isKnown ? error.message : "something went wrong here";
      if (response.headersSent) response.destroy();
      else reply(response, { status: isKnown ? 409 : 500, type: "text/plain", body: message });
    });
  });
  server.maxConnections = mostConnections;
  await listen(server, port);
  const { port: taken } = server.address() as AddressInfo;
  guard.port = taken;
  return {
    url: `http://127.0.0.1:${taken}/?token=${guard.token}`,
    async [Symbol.asyncDispose]() {
      view.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "it is taken" : (cause.code ?? cause.message);
      reject(new ResourceError(`cannot listen on port ${port}: ${reason}`, { cause }));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { view, guard }: { view: View; guard: Guard },
): Promise<void> {
  request.resume(); // bodies say nothing: what is asked for is in the address
  const refusal = guard.refuse(request);
  if (refusal) {
    response.setHeader("connection", "close");
    return reply(response, { status: refusal.status, type: "text/plain", body: refusal.reason });
  }
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const token = path === "/" ? new URLSearchParams(query).get("token") : null;
  if (token !== null && guard.admit(token, response)) return;
  if (!guard.isKnown(request)) {
    const body = "open the address that deepobf watch printed: it holds the key";
    return reply(response, { status: 401, type: "text/plain", body });
  }
  const answer = await view.answer(request, path, response);
  if (answer) reply(response, answer);
}

function reply(response: ServerResponse, { status = 200, type, body }: Answer): void {
  const kind = typeof body === "string" ? `${type}; charset=utf-8` : type;
  response.writeHead(status, { "content-type": kind }).end(body);
}

/** What the pages show. */
class View {
  readonly #folder: string;
  readonly #feeds = new Map<string, Feed>();
  readonly #readers = new Map<string, LiveReader>();
  readonly #reports = new Map<string, Promise<string>>();
  readonly #demos = new Map<string, Promise<DemoFiles>>();
  readonly #overview = new Feed({ moment: async () => JSON.stringify(await this.#states()) });

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Answers a request that is allowed; undefined where the response is taken care of. */
  async answer(
    request: IncomingMessage,
    path: string,
    response: ServerResponse,
  ): Promise<Answer | undefined> {
    const isPost = request.method === "POST";
    const [, first = "", id = "", action = "", ...rest] = path.split("/");
    if (first === "runs") {
      const run = (await listRuns(this.#folder)).find((each) => each.id === id);
      if (run && action === "demo" && !isPost) return this.#demo(run, rest.join("/"));
      if (rest.length > 0) return notFound;
      const table = isPost ? this.#actions : this.#pages;
      const handler = Object.hasOwn(table, action) ? table[action] : undefined;
      if (!run || !handler) return notFound;
      return handler(run, response);
    }
    if (isPost || id !== "") return notFound;
    if (first === "") return page(overviewPage(this.#folder, await this.#rows()));
    if (first === "fragment") return page(overviewFragment(await this.#rows()).text);
    if (first === "live.js") return { type: "text/javascript", body: script() };
    return first === "events" ? this.#listen(this.#overview, response) : notFound;
  }

  readonly #pages: Readonly<Record<string, Handler>> = {
    "": async (run) => page(runPage(run, await this.#reader(run).read(), await courseOf(run))),
    fragment: async (run) => page(runFragment(await courseOf(run)).text),
    report: async (run) => page(await this.#report(run)),
    events: async (run, response) => this.#listen(this.#feed(run), response),
  };

  readonly #actions: Readonly<Record<string, Handler>> = {
    stop: async (run) => {
      await stopRun(run);
      return { type: "text/plain", body: "stopping after this step, with a checkpoint" };
    },
    resume: async (run) => {
      await resumeRun(run);
      return { type: "text/plain", body: "resuming" };
    },
  };

  close(): void {
    for (const feed of [this.#overview, ...this.#feeds.values()]) feed.close();
  }

  #listen(feed: Feed, response: ServerResponse): Answer | undefined {
    const all = [this.#overview, ...this.#feeds.values()].reduce((sum, { size }) => sum + size, 0);
    if (all >= mostListeners)
      return { status: 503, type: "text/plain", body: "too many listeners" };
    feed.listen(response, placeOf(response));
    return undefined;
  }

  #feed({ directory }: ListedRun): Feed {
    const known = this.#feeds.get(directory);
    if (known) return known;
    const reader = new LiveReader(directory);
    const file = join(directory, "metrics.jsonl");
    const feed = new Feed({ file, moment: async () => JSON.stringify(await reader.read()) });
    this.#feeds.set(directory, feed);
    return feed;
  }

  #reader({ directory }: ListedRun): LiveReader {
    const reader = this.#readers.get(directory) ?? new LiveReader(directory);
    this.#readers.set(directory, reader);
    return reader;
  }

  /** A report takes processes that look at models: each is made once, until the run is another. */
  async #report(run: ListedRun): Promise<string> {
    const { summary } = await readOutcome(run.directory);
    const make = () => collectReport(run.directory).then((report) => renderReport(report));
    // One that trains has another report with every epoch.
    return isMissing(summary) ? make() : once(this.#reports, keyOf(run, summary), make);
  }

  /** A file of the page on which both models answer; the page is made once, until the run is another. */
  async #demo(run: ListedRun, name: string): Promise<Answer> {
    const { summary } = await readOutcome(run.directory);
    const making = once(this.#demos, keyOf(run, summary), () => buildDemo(run.directory));
    const file = name === "" ? "index.html" : name;
    const body = (await making).get(file);
    const type = types[file.slice(file.lastIndexOf(".") + 1)];
    return body === undefined || type === undefined ? notFound : { type, body };
  }

  async #states() {
    const runs = await listRuns(this.#folder);
    return Promise.all(
      runs.map(async (run) => [
        run.id,
        run.state === "working" ? await this.#reader(run).read() : run.state,
      ]),
    );
  }

  async #rows(): Promise<OverviewRow[]> {
    const runs = await listRuns(this.#folder);
    return Promise.all(
      runs.map(async (run) => ({
        run,
        live: await this.#reader(run).read(),
        outcome:
          run.state === "finished"
            ? await readOutcome(run.directory).catch(() => undefined)
            : undefined,
      })),
    );
  }
}

const notFound: Answer = { status: 404, type: "text/plain", body: "there is nothing here" };

function page(body: string): Answer {
  return { type: "text/html", body };
}

/** How a run of `obfuscate` trained; undefined of other jobs' runs, and where it is damaged. */
async function courseOf({ directory }: ListedRun): Promise<RunCourse | undefined> {
  return readCourse(directory).catch(() => undefined);
}

/** Where the listener of a response stopped, as browsers say when they connect again. */
function placeOf({ req }: ServerResponse): string | undefined {
  const place = req.headers["last-event-id"];
  return typeof place === "string" && place !== "" ? place : undefined;
}

/** The browser's script, compiled from web/live.ts. */
function script(): string {
  return readFileSync(compiledScript("#live-script"), "utf8");
}

function keyOf({ directory }: ListedRun, summary: object): string {
  return JSON.stringify([directory, summary]);
}

/** How many of what was made are kept: each demo holds two models and a runtime. */
const mostKept = 8;

/** What was made under a key, or is made now; what fails is made again. */
function once<T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known) return known;
  const making = make();
  const [oldest] = kept.keys();
  if (kept.size === mostKept && oldest !== undefined) kept.delete(oldest);
  kept.set(key, making);
  making.catch(() => kept.delete(key));
  return making;
}
