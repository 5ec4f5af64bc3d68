// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). What is written down, the lines
// of a metrics file, is read from the file for each listener from where it left off, so that nothing is missed
// and nothing kept for those who are slow; what is only of this moment is skipped for them.
import { once } from "node:events";
import { stat } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { readTail } from "./metricsTail.ts";

const millisecondsBetweenLooks = 1000;
const millisecondsBetweenSigns = 15_000;
/** A listener that has taken nothing for so long is gone. */
const patience = 60_000;

interface Listener {
  readonly response: ServerResponse;
  place: string | undefined;
  /** What the listener has seen last: of the file, and of the moment. */
  seenFile: string;
  seenMoment: string;
  lastSign: number;
  behindSince: number | undefined;
  isCatchingUp: boolean;
}

export interface FeedSource {
  /** A file whose lines are events of the kind `line`; none by default. */
  readonly file?: string;
  /** What is of this moment, as JSON; an event of the kind `now` where it has changed. */
  readonly moment: () => Promise<string>;
}

/** One source for any number of listeners. It looks at nothing while nobody listens. */
export class Feed {
  readonly #source: FeedSource;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(source: FeedSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Answers a request with events, from behind the place where the listener says it stopped. */
  listen(response: ServerResponse, place: string | undefined): void {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write("retry: 1000\n\n");
    const now = performance.now();
    const listener = { response, place, seenFile: "", seenMoment: "", lastSign: now };
    const added: Listener = { ...listener, behindSince: undefined, isCatchingUp: false };
    this.#listeners.add(added);
    response.on("close", () => {
      this.#listeners.delete(added);
    });
    clearTimeout(this.#timer);
    if (!this.#isLooking) void this.#look();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { response } of this.#listeners) response.destroy();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    const { file, moment } = this.#source;
    try {
      const facts = file === undefined ? undefined : await stat(file).catch(() => undefined);
      const version = facts ? `${facts.ino} ${facts.size} ${facts.mtimeMs}` : "";
      const now = await moment();
      for (const listener of this.#listeners) {
        if (isBehind(listener)) continue;
        if (file !== undefined && version !== listener.seenFile)
          void catchUp(listener, file, version);
        if (now !== listener.seenMoment) send(listener, { event: "now", data: now });
        listener.seenMoment = now;
        if (performance.now() - listener.lastSign > millisecondsBetweenSigns) sign(listener);
      }
    } catch {
      // A folder that went away while it was looked at: the next look tells.
    }
    this.#isLooking = false;
    if (this.#listeners.size === 0) return;
    this.#timer = setTimeout(() => void this.#look(), millisecondsBetweenLooks);
  }
}

/** Whether a listener has not taken yet what it was sent; one that never does is let go. */
function isBehind(listener: Listener): boolean {
  if (!listener.response.writableNeedDrain) {
    listener.behindSince = undefined;
    return false;
  }
  listener.behindSince ??= performance.now();
  if (performance.now() - listener.behindSince > patience) listener.response.destroy();
  return true;
}

/** Sends the lines that a listener lacks, as fast as it takes them; never throws. */
async function catchUp(listener: Listener, file: string, version: string): Promise<void> {
  if (listener.isCatchingUp) return;
  listener.isCatchingUp = true;
  try {
    while (await sendLines(listener, file));
    listener.seenFile = version;
  } catch {
    // As above: the next look tells.
  }
  listener.isCatchingUp = false;
}

/** Sends what one reading gives. False where the file has no more, or nobody takes it any more. */
async function sendLines(listener: Listener, file: string): Promise<boolean> {
  const { response } = listener;
  const before = listener.place;
  const { lines, place, isReset } = await readTail(file, before);
  if (isReset) send(listener, { event: "reset", data: "", id: "" });
  for (const line of lines) {
    if (response.writableNeedDrain) await drained(response);
    if (response.destroyed) return false;
    send(listener, { event: "line", data: line.text, id: line.place });
  }
  listener.place = place;
  return place !== before && !response.destroyed;
}

/** Until more can be sent to a listener, or never will be. */
async function drained(response: ServerResponse): Promise<void> {
  const isDone = new AbortController();
  const events = ["drain", "close"].map((event) =>
    once(response, event, { signal: isDone.signal }).catch(() => {}),
  );
  await Promise.race(events);
  isDone.abort();
}

interface Message {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

function send(listener: Listener, { event, data, id }: Message): void {
  const { response } = listener;
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  const head = id === undefined ? "" : `id: ${id}\n`;
  response.write(`${head}event: ${event}\n${lines.join("")}\n`);
  listener.lastSign = performance.now();
}

/** A comment, by which the browser knows that the connection lives. */
function sign(listener: Listener): void {
  listener.response.write(": here\n\n");
  listener.lastSign = performance.now();
}
