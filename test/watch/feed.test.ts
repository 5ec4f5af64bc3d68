// What a feed does of its own as time goes by: signs of life, and an end to those who take nothing.
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Feed } from "../../src/watch/feed.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a listener is sent, in place of a connection. */
class Connection extends EventEmitter {
  readonly sent: string[] = [];
  writableNeedDrain = false;
  destroyed = false;
  writeHead() {}
  write(text: string) {
    this.sent.push(text);
  }
  destroy() {
    this.destroyed = true;
    this.emit("close");
  }
}

/** A feed of one event of the moment, which never changes, with a listener. */
function heard() {
  const connection = new Connection();
  const feed = new Feed({ moment: async () => "{}" });
  feed.listen(connection as unknown as ServerResponse, undefined);
  return { feed, connection };
}

test("a listener to whom nothing happens gets a sign of life every 15 seconds", async () => {
  const { feed, connection } = heard();
  const signs = () => connection.sent.filter((text) => text === ": here\n\n").length;
  await vi.advanceTimersByTimeAsync(14_000);
  expect(connection.sent).toEqual(["retry: 1000\n\n", "event: now\ndata: {}\n\n"]);
  await vi.advanceTimersByTimeAsync(3000);
  expect(signs()).toBe(1);
  await vi.advanceTimersByTimeAsync(17_000);
  expect(signs()).toBe(2);
  feed.close();
});

test("a listener that takes nothing for a minute is let go, and the feed rests", async () => {
  const { feed, connection } = heard();
  await vi.advanceTimersByTimeAsync(1000);
  connection.writableNeedDrain = true;
  await vi.advanceTimersByTimeAsync(59_000);
  expect([connection.destroyed, feed.size]).toEqual([false, 1]);
  await vi.advanceTimersByTimeAsync(4000);
  expect([connection.destroyed, feed.size]).toEqual([true, 0]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a listener that takes something in time stays, and its minute begins anew", async () => {
  const { feed, connection } = heard();
  for (let time = 0; time < 3; time++) {
    connection.writableNeedDrain = true;
    await vi.advanceTimersByTimeAsync(50_000);
    connection.writableNeedDrain = false;
    await vi.advanceTimersByTimeAsync(2000);
  }
  expect([connection.destroyed, feed.size]).toEqual([false, 1]);
  feed.close();
});
