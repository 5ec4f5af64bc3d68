// What the live view answers: its pages, their one script and events, reports and demos of the runs of a folder. They come
// from a fixed table; no address becomes a path on the disk.
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { buildDemo, type DemoFiles } from "../demo/buildDemo.ts";
import { compiledScript } from "../isolate/start.ts";
import { collectReport } from "../report/collect.ts";
import { isMissing } from "../report/missing.ts";
import { type RunCourse, readCourse, readOutcome } from "../report/readRun.ts";
import { renderReport } from "../report/writeReport.ts";
import { shorten } from "../text.ts";
import { resumeRun, stopRun } from "./control.ts";
import { Feed } from "./feed.ts";
import { LiveReader } from "./liveState.ts";
import { type OverviewRow, overviewFragment, overviewPage, runFragment, runPage } from "./pages.ts";
import { type ListedRun, listRuns } from "./runList.ts";

/** An answer without surprises: what it is, and its text. */
export interface Answer {
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

/** Answers requests for the runs of a folder. */
export class View {
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
      const log = `${shorten(run.name)}/watch.log`;
      return { type: "text/plain", body: `resuming; its messages are in ${log}` };
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
