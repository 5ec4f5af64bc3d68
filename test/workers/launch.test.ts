// The launcher of workers on this machine, with programs of a line in their place.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { launch } from "../../src/workers/launch.ts";
import { toyOn } from "../jobs/toyJob.ts";
import { childrenOf } from "../processes.ts";
import { built } from "../setup/built.ts";
import { workshop } from "../workshop.ts";

const path = workshop();
const launcher = built("workers/launch.js");

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Lets workers do what this says, in which `rank` is theirs; gives the code and the launcher's words. */
async function launched(
  program: string,
  { restarts = 0, environment = {} as Record<string, string>, workers = 2 } = {},
) {
  let stderr = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += text;
    return true;
  });
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const runs: (string | undefined)[] = [];
  const code = await launch({
    workers,
    restarts,
    command: (run) => {
      runs.push(run);
      return ["-e", `const rank = Number(process.env.RANK); ${program}`];
    },
  });
  return { code, stderr, runs };
}

const die = "process.kill(process.pid, 'SIGKILL')";

test("a worker that dies without a word is named, not those that end because of it", async () => {
  const { code, stderr } = await launched(`setTimeout(() => ${die}, rank === 1 ? 0 : 1000)`);
  expect(code).toBe(8);
  expect(stderr).toMatch(/^error: worker 1 of 2 \(process \d+\) was ended by SIGKILL\n$/);
});

test("what another worker says is shown where the first one cannot speak", async () => {
  const { code, stderr } = await launched(
    `if (rank === 0) setTimeout(() => ${die}, 1000); else { console.error("why"); process.exitCode = 5; }`,
  );
  expect({ code, stderr }).toEqual({ code: 5, stderr: "why\n" });
});

test("a run that the first worker has ended is complete, whatever became of the others", async () => {
  expect(await launched(`if (rank === 1) ${die}`)).toMatchObject({ code: 0, stderr: "" });
});

test("the first one ends its run though another is lost, once it needs nobody", async () => {
  vi.stubEnv("DEEPOBF_WORKER_TIMEOUT", "1");
  const first = "process.send({ isAlone: true }); setTimeout(() => process.disconnect(), 14_000);";
  const program = `if (rank === 0) { ${first} } else setTimeout(() => ${die}, 1000)`;
  expect(await launched(program)).toMatchObject({ code: 0, stderr: "" });
});

test("a patience that workers refuse is refused before one is started", async () => {
  for (const patience of ["0", "x", "86401"]) {
    const environment = { DEEPOBF_WORKER_TIMEOUT: patience };
    const launching = launched("", { environment });
    const complaint = `DEEPOBF_WORKER_TIMEOUT: expected a whole number from 1 to 86400, received "${patience}"`;
    await expect(launching).rejects.toThrow(new UsageError(complaint));
  }
});

test("one that hangs when the first is done is ended", async () => {
  const program = "if (rank === 1) setInterval(() => {}, 1000)";
  expect(await launched(program)).toMatchObject({ code: 0, stderr: "" });
});

test("workers have a store of their own, also under a launcher that offers one", async () => {
  const environment = { TORCHELASTIC_USE_AGENT_STORE: "True", WORLD_SIZE: "1" };
  const program =
    "process.exitCode = process.env.TORCHELASTIC_USE_AGENT_STORE === undefined ? 0 : 2";
  expect(await launched(program, { environment })).toMatchObject({ code: 0 });
});

test("each is told its place among all and on this machine, and the threads that a user chose", async () => {
  const environment = { WORLD_SIZE: "7", RANK: "5", LOCAL_RANK: "5", OMP_NUM_THREADS: "3" };
  const told = "[e.RANK, e.LOCAL_RANK, e.WORLD_SIZE, e.LOCAL_WORLD_SIZE, e.OMP_NUM_THREADS]";
  const file = `${JSON.stringify(path("environment"))} + rank`;
  const program = `const e = process.env; require("fs").writeFileSync(${file}, ${told}.join());`;
  expect(await launched(program, { environment })).toMatchObject({ code: 0, stderr: "" });
  const said = [0, 1].map((rank) => readFileSync(path(`environment${rank}`), "utf8"));
  expect(said).toEqual(["0,0,2,2,3", "1,1,2,2,3"]);
});

test("one whose launcher went while it started ends", async () => {
  const follow = `const { followLauncher } = await import(${JSON.stringify(launcher)}); followLauncher();`;
  const program = `await new Promise((resolve) => setTimeout(resolve, 300)); ${follow} setTimeout(() => {}, 20_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, DEEPOBF_LAUNCHED: "1" },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  child.disconnect();
  expect(await once(child, "exit")).toEqual([8, null]);
});

test("a signal while they are started ends them, too", async () => {
  const idle = ["-e", "setTimeout(() => {}, 20_000)"];
  const program = `const { launch } = await import(${JSON.stringify(launcher)});
    process.exitCode = await launch({ workers: 20, restarts: 0, command: () => ${JSON.stringify(idle)} });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  while (child.exitCode === null && childrenOf(child.pid!).length === 0) await sleep(1);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([130, null]);
});

test("they go on with a run's folder once it is there", async () => {
  const [there, missing] = [path("there"), path("missing")];
  path("there/config.json", "{}");
  const loseIn = (directory: string) =>
    launched(`process.send({ directory: ${JSON.stringify(directory)} }, () => ${die})`, {
      workers: 1,
      restarts: 1,
    });
  expect((await loseIn(there)).runs).toEqual([undefined, there]);
  expect((await loseIn(missing)).runs).toEqual([undefined, undefined]);
});

test("a job tells its folder before it makes it", async () => {
  const out = path("told");
  const told: unknown[] = [];
  vi.stubEnv("DEEPOBF_LAUNCHED", "1");
  const send = process.send!.bind(process); // what is not for a launcher is for vitest
  vi.spyOn(process, "send").mockImplementation((message, ...rest) => {
    if (!(message instanceof Object && "directory" in message)) return send(message, ...rest);
    told.push(message, existsSync(join(out, "config.json")));
    return true;
  });
  await toyOn(path("source.txt", "x")).start({ out, data: "cifar10:none", epochs: 1 });
  expect(told).toEqual([{ directory: out }, false]);
});
