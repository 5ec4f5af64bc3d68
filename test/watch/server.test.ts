// The live view as a server: who may ask what, and that no event is missed.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { getPriority, hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceError } from "../../src/errors.ts";
import { resumeRun } from "../../src/watch/control.ts";
import { Guard } from "../../src/watch/guard.ts";
import { readTail } from "../../src/watch/metricsTail.ts";
import { listRuns } from "../../src/watch/runList.ts";
import { serveRuns, type WatchServer } from "../../src/watch/server.ts";
import { root } from "../cli/deepobf.ts";
import { writeRun } from "../report/runFixture.ts";
import { mountDisk, workshop } from "../workshop.ts";

const file = workshop();
let server: WatchServer;
let port = 0;
let token = "";
let cookie = "";

beforeAll(async () => {
  writeRun(file, { name: "runs/finished" });
  const stopped = writeRun(file, { name: "runs/stopped" });
  writeFileSync(join(stopped, "metrics.jsonl"), "");
  rmSync(join(stopped, "summary.json"));
  writeRun(file, { name: "runs/<script>alert(1)" });
  symlinkSync(file("runs/finished"), file("runs/link"));
  server = await serveRuns(file("runs"));
  const url = new URL(server.url);
  [port, token] = [Number(url.port), url.searchParams.get("token")!];
  cookie = `deepobf-${port}=${token}`;
});

afterAll(() => server[Symbol.asyncDispose]());

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Asks exactly that path: `fetch` would tidy it up. */
function ask({ path = "/", method = "GET", headers = {}, body }: Asked) {
  return new Promise<{ status: number; headers: IncomingMessage["headers"]; text: string }>(
    (resolve, reject) => {
      const asking = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => {
          resolve({ status: response.statusCode!, headers: response.headers, text });
        });
      });
      asking.on("error", reject);
      asking.end(body);
    },
  );
}

const known = () => ({ cookie });
const posting = () => ({
  ...known(),
  "content-type": "application/json",
  origin: `http://127.0.0.1:${port}`,
});

describe("a request", () => {
  test("with the token gets a cookie that scripts cannot read, and no page of another site sends", async () => {
    const { status, headers } = await ask({ path: `/?token=${token}` });
    expect(status).toBe(200);
    expect(headers["set-cookie"]).toEqual([`${cookie}; HttpOnly; SameSite=Strict; Path=/`]);
    expect((await ask({ headers: known() })).status).toBe(200);
  });

  test.each([
    ["no token", {}, 401],
    ["another token", { path: "/?token=abc" }, 401],
    ["another cookie", { headers: { cookie: "deepobf-1=abc" } }, 401],
  ])("with %s gets nothing", async (_, asked, status) => {
    const answer = await ask(asked);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain("finished");
  });

  test.each([
    ...["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example", "127.0.0.1:1"],
    ...["localhost.evil.example", "0.0.0.0", "[::1]", "2130706433"],
  ])("with the host %j is refused, cookie or not", async (host) => {
    expect((await ask({ headers: { ...known(), host } })).status).toBeOneOf([400, 403]);
  });

  test("is known by the bare host where the port is the one that browsers leave out", () => {
    const refusedAt = (port: number, headers: IncomingMessage["headers"]) => {
      const guard = new Guard();
      guard.port = port;
      return guard.refuse({ method: "GET", url: "/", headers } as IncomingMessage)?.reason;
    };
    const bare = { host: "127.0.0.1", origin: "http://127.0.0.1" };
    expect(refusedAt(80, bare)).toBeUndefined();
    expect(refusedAt(80, { host: "localhost:80" })).toBeUndefined();
    expect(refusedAt(8080, bare)).toBe("wrong host");
    expect(refusedAt(80, { host: "evil.example" })).toBe("wrong host");
    expect(refusedAt(80, { ...bare, origin: "http://evil.example" })).toBe("wrong origin");
  });

  test("of another origin or site is refused, and nothing is shared across origins", async () => {
    for (const headers of [
      { ...known(), origin: "http://evil.example" },
      { ...known(), origin: "null" },
      { ...known(), "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" },
    ]) {
      const answer = await ask({ headers });
      expect(answer.status).toBe(403);
      expect(Object.keys(answer.headers).join()).not.toContain("access-control");
    }
  });

  test.each([
    ["without an origin", () => ({ ...known(), "content-type": "application/json" }), 403],
    ["of another origin", () => ({ ...posting(), origin: "http://evil.example" }), 403],
    ["as a form", () => ({ ...posting(), "content-type": "text/plain" }), 415],
    ["without the cookie", () => ({ ...posting(), cookie: "" }), 401],
    ["too large", () => ({ ...posting(), "content-length": "100000" }), 413],
  ])("that changes something, %s, is refused", async (_, headers, status) => {
    const asked = { path: "/runs/stopped/resume", method: "POST", headers: headers() };
    expect((await ask({ ...asked, body: "{}".padEnd(status === 413 ? 100_000 : 2) })).status).toBe(
      status,
    );
  });

  test("by GET changes nothing, and other methods are not known", async () => {
    expect((await ask({ path: "/runs/stopped/resume", headers: known() })).status).toBe(404);
    expect((await ask({ method: "DELETE", headers: known() })).status).toBe(405);
  });

  test.each([
    ...[
      "/../etc/passwd",
      "/runs/..",
      "/runs/../finished",
      "/runs/%2e%2e/report",
      "/runs/%252e%252e/",
    ],
    ...["/runs/..%5c..%5c", "/runs/finished%00", "//etc/passwd", "/runs//report", "/runs/link"],
    ...["/runs/finished/report/more", "/runs/finished/constructor", "/live.js/..", "/web/live.js"],
    ...["/runs/finished/config.json", "/__proto__", "/runs/__proto__"],
    ...["/runs/%2fetc%2fpasswd", "/runs/finished%2freport", "/.", "/runs/%c0%ae%c0%ae/"],
  ])("for %s finds nothing", async (path) => {
    expect((await ask({ path, headers: known() })).status).toBe(404);
  });

  test("with headers or an address without end is cut off", async () => {
    const large = { ...known(), "x-large": "a".repeat(20_000) };
    expect((await ask({ headers: large })).status).toBe(431);
    expect((await ask({ path: `/${"a".repeat(4000)}`, headers: known() })).status).toBe(414);
  });

  test("for a page gets one that nothing may frame or sniff", async () => {
    const { headers, text } = await ask({ headers: known() });
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
    expect(text).toContain("script-src &#39;self&#39;");
    expect(text).not.toContain("<script>alert");
  });
});

test("links are not followed, and a name that no address can hold gets another", async () => {
  const runs = await listRuns(file("runs"));
  expect(runs.map(({ name }) => name).sort()).toEqual(["<script>alert(1)", "finished", "stopped"]);
  for (const { id } of runs) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
});

test("the list of runs has no links to a report or a demo of other jobs' runs", async () => {
  const config = { job: "train", options: { checkpointSeconds: 60 } };
  file("runs/trained/config.json", JSON.stringify(config));
  file("runs/trained/summary.json", "{}");
  const { text } = await ask({ path: "/", headers: known() });
  const links = [...text.matchAll(/href="(\/runs\/(?:trained|finished)[^"]*)"/g)].map(
    ([, to]) => to!,
  );
  expect(links.sort()).toEqual(["/runs/finished/demo/", "/runs/finished/report", "/runs/trained"]);
  expect((await ask({ path: "/runs/trained", headers: known() })).status).toBe(200);
  rmSync(file("runs/trained"), { recursive: true });
});

test("the list of runs opens no model, however large", async () => {
  const run = writeRun(file, { name: "runs/large" });
  truncateSync(join(run, "model.onnx"), 2 ** 40); // without a byte on the disk
  const { status, text } = await ask({ path: "/", headers: { cookie } });
  expect(status).toBe(200);
  expect(text).toContain("large");
  rmSync(run, { recursive: true });
});

test("a run on which nothing works cannot be stopped, a finished one not be resumed", async () => {
  const post = (path: string) => ask({ path, method: "POST", headers: posting(), body: "{}" });
  expect(await post("/runs/stopped/stop")).toMatchObject({ status: 409 });
  expect(await post("/runs/finished/resume")).toMatchObject({ status: 409 });
});

const disk = file("disk");
test.skipIf(!mountDisk(disk, 1024))(
  "a run whose disk takes no messages is not resumed",
  async () => {
    const directory = writeRun(file, { name: "disk/run" });
    rmSync(join(directory, "summary.json"));
    spawnSync("mount", ["-o", "remount,ro", disk]);
    const resuming = resumeRun({ directory, name: "run", id: "run", state: "stopped" });
    await expect(resuming).rejects.toThrow(ResourceError);
    await expect(resuming).rejects.toThrow(
      /cannot write .*watch\.log: the file system is read-only/,
    );
  },
);

test("a run that is resumed says where its messages are, of a configuration that is none, too", async () => {
  const asked = { path: "/runs/stopped/resume", method: "POST", headers: posting(), body: "{}" };
  const text = "resuming; its messages are in stopped/watch.log";
  expect(await ask(asked)).toMatchObject({ status: 200, text });
  const log = () => readFileSync(file("runs/stopped/watch.log"), "utf8");
  await expect.poll(log, { timeout: 60_000 }).toMatch(/^error: .*config\.json/m);
  rmSync(file("runs/stopped/watch.log"));
});

test("a run whose messages would go elsewhere, through a link, is not resumed", async () => {
  const elsewhere = file("elsewhere.txt", "kept");
  symlinkSync(elsewhere, file("runs/stopped/watch.log"));
  const asked = { path: "/runs/stopped/resume", method: "POST", headers: posting(), body: "{}" };
  expect(await ask(asked)).toMatchObject({
    status: 409,
    text: expect.stringContaining("is a link"),
  });
  rmSync(file("runs/stopped/watch.log"));
  expect(readFileSync(elsewhere, "utf8")).toBe("kept");
});

test("the process that works on a run is told to stop, and no other of its number", async () => {
  const path = file("runs/stopped/lock", "");
  const [holder, stranger] = [
    spawn("sh", ["-c", `exec sleep 60 3< '${path}'`]),
    spawn("sleep", ["60"]),
  ];
  const ended = new Promise((resolve) => holder.on("exit", (_, signal) => resolve(signal)));
  const stop = () =>
    ask({ path: "/runs/stopped/stop", method: "POST", headers: posting(), body: "{}" });
  const isHeldBy = ({ pid }: ChildProcess, host = hostname()) =>
    writeFileSync(path, `process ${pid} on ${host}\n`);
  isHeldBy(stranger);
  expect((await stop()).status).toBe(409);
  isHeldBy(holder, "elsewhere");
  expect((await stop()).status).toBe(409);
  isHeldBy(holder);
  expect((await stop()).status).toBe(200);
  expect(await ended).toBe("SIGINT");
  stranger.kill();
  rmSync(path);
});

test("the command keeps its priority, which the runs that it resumes get from it", async () => {
  const command = join(root, "bin", "deepobf.js");
  const watching = spawn(process.execPath, [command, "watch", file("runs")]);
  await once(watching.stdout, "data");
  expect(getPriority(watching.pid)).toBe(getPriority());
  watching.kill();
});

/** Collects events until there are so many lines; then the connection is cut. */
function listen(lines: number, place?: string) {
  return new Promise<{ texts: string[]; place: string; resets: number }>((resolve, reject) => {
    const headers = { ...known(), ...(place && { "last-event-id": place }) };
    const path = "/runs/stopped/events";
    const asking = request({ host: "127.0.0.1", port, path, headers }, (response) => {
      let [buffer, resets, last] = ["", 0, place ?? ""];
      const texts: string[] = [];
      response.setEncoding("utf8").on("data", (part: string) => {
        buffer += part;
        const events = buffer.split("\n\n");
        buffer = events.pop()!;
        for (const event of events) {
          if (event.includes("event: reset")) resets++;
          if (!event.includes("event: line") || texts.length === lines) continue;
          texts.push(/^data: (.*)$/m.exec(event)![1]!);
          last = /^id: (.*)$/m.exec(event)![1]!;
        }
        if (texts.length < lines) return;
        asking.destroy();
        resolve({ texts, place: last, resets });
      });
      response.on("error", () => {});
    });
    asking.on("error", reject);
    asking.end();
  });
}

test("no event is missed by one who connects twenty times, and none comes twice", async () => {
  const path = file("runs/stopped/metrics.jsonl");
  const received: string[] = [];
  let place: string | undefined;
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 3; i++) appendFileSync(path, `{"epoch":${3 * round + i}}\n`);
    const heard = await listen(round === 19 ? 41 : 1, place);
    received.push(...heard.texts);
    place = heard.place;
  }
  expect(received).toEqual(Array.from({ length: 60 }, (_, i) => `{"epoch":${i}}`));
});

test("what is in the place of a file ends no server, is not read, and is forgotten when the file is back", async () => {
  const path = file("runs/stopped/metrics.jsonl");
  rmSync(path);
  mkdirSync(path);
  const heard = listen(1);
  await sleep(500);
  rmSync(path, { recursive: true });
  symlinkSync(file("secret.txt", "not for you\n"), path);
  await sleep(1500);
  rmSync(path);
  writeFileSync(path, "{}\n");
  expect((await heard).texts).toEqual(["{}"]);
  writeFileSync(path, "");
});

test("lines that no run writes keep no event from those who listen", async () => {
  const path = file("runs/stopped/metrics.jsonl");
  const [more, half] = ["x".repeat(200_000), "x".repeat(70_000)];
  writeFileSync(path, `${more}\n{"epoch":0}\n${half}\n${half}\n{"epoch":1}\n`);
  const heard = await listen(2);
  expect(heard.texts).toEqual(['{"epoch":0}', '{"epoch":1}']);
  appendFileSync(path, `${more}\n{"epoch":2}\n`);
  expect(await listen(1, heard.place)).toMatchObject({ texts: ['{"epoch":2}'], resets: 0 });
  writeFileSync(path, "");
});

describe("the tail of a file", () => {
  test("begins again where a resumed run has written other lines", async () => {
    const path = file("tail.jsonl", "one\ntwo\nthree\n");
    const before = await readTail(path);
    expect(before.lines.map(({ text }) => text)).toEqual(["one", "two", "three"]);
    const last = before.lines.at(-1)!.place;
    truncateSync(path, 4);
    expect(await readTail(path, last)).toMatchObject({ isReset: true, lines: [{ text: "one" }] });
    appendFileSync(path, "TWO\nTHREE\n");
    const after = await readTail(path, last);
    expect(after.isReset).toBe(true);
    expect(after.lines.map(({ text }) => text)).toEqual(["one", "TWO", "THREE"]);
  });

  test("leaves out lines that no run writes, and goes on behind them", async () => {
    const long = "x".repeat(70_000);
    const path = file("long.jsonl", `one\n${long}\ntwo\n`);
    const { lines } = await readTail(path);
    expect(lines.map(({ text }) => text)).toEqual(["one", "two"]);
    for (const { place } of lines) expect((await readTail(path, place)).isReset).toBe(false);
  });

  test("goes on behind lines that fill a reading or more, also from within one", async () => {
    const [more, half] = ["x".repeat(400_000), "x".repeat(70_000)];
    const path = file("longer.jsonl", `one\n${more}\n${half}\n${half}\ntwo\n`);
    const texts: string[] = [];
    let place: string | undefined;
    for (let reading = 0; reading < 10; reading++) {
      const tail = await readTail(path, place);
      expect(tail.isReset).toBe(false);
      texts.push(...tail.lines.map(({ text }) => text));
      place = tail.place;
    }
    expect(texts).toEqual(["one", "two"]);
  });

  test("does not give a line before its end", async () => {
    const path = file("half.jsonl", "one\ntw");
    const { lines } = await readTail(path);
    appendFileSync(path, "o\n");
    expect(lines.map(({ text }) => text)).toEqual(["one"]);
    expect((await readTail(path, lines[0]!.place)).lines).toMatchObject([{ text: "two" }]);
  });
});

test("listeners that take nothing cost no memory, and others miss nothing", async () => {
  const path = file("runs/stopped/metrics.jsonl");
  const filler = "x".repeat(10_000);
  const lines = Array.from({ length: 2000 }, (_, i) => `{"epoch":${i},"filler":"${filler}"}`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  const head = `GET /runs/stopped/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\n\r\n`;
  const sockets = Array.from({ length: 40 }, () => connect(port, "127.0.0.1").pause());
  for (const socket of sockets) socket.on("error", () => {}).write(head);
  const before = process.memoryUsage().rss;
  const warnings: Error[] = [];
  const keep = (warning: Error) => void warnings.push(warning);
  process.on("warning", keep);
  expect((await listen(2000)).texts).toEqual(lines);
  process.off("warning", keep);
  expect(warnings).toEqual([]);
  // All that forty are owed would be 800 MB.
  expect(process.memoryUsage().rss - before).toBeLessThan(250e6);
  for (const socket of sockets) socket.destroy();
  writeFileSync(path, "");
});

test("a thousand connections at once leave it at work", async () => {
  const sockets = Array.from({ length: 1000 }, () => connect(port, "127.0.0.1"));
  const refused = sockets.map((socket) => {
    socket.on("error", () => {}).resume();
    return new Promise((resolve) => socket.once("close", resolve));
  });
  await Promise.race(refused);
  for (const socket of sockets) socket.destroy();
  await Promise.all(refused);
  expect((await ask({ headers: known() })).status).toBe(200);
});

test("a slow sender of headers does not keep its connection", async () => {
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  const ended = await new Promise<boolean>((resolve) => {
    socket.on("close", () => resolve(true));
    socket.on("error", () => {});
    socket.resume();
    setTimeout(() => resolve(false), 60_000).unref();
  });
  expect(ended).toBe(true);
});
