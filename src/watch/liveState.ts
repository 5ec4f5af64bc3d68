// What a run is doing at this moment, as the live page shows it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { bytes, clock, roughDuration, significant } from "../numbers.ts";
import { isMissing, readJson } from "../report/missing.ts";
import { type Phase, phases } from "../runs/events.ts";
import { holderOf } from "../runs/lock.ts";
import { progressFileName } from "../runs/progressFile.ts";
import { count } from "../schema.ts";
import { shorten } from "../text.ts";
import { type RunState, stateOf } from "./runList.ts";

const progressForm = z.object({
  phase: z.enum(Object.keys(phases) as Phase[]).optional(),
  step: z
    .object({
      stage: z.string(),
      epoch: count,
      epochs: count,
      step: count,
      steps: count.min(1),
      imagesPerSecond: z.number(),
      secondsLeft: z.number().nullable(),
      losses: z.record(z.string(), z.number()),
    })
    .optional(),
});

/** Texts by the names of the fields that show them, and how much is done. */
export interface LiveState {
  readonly state: RunState;
  /** Share of the training that is done, from 0 to 1. */
  readonly done: number;
  readonly fields: Readonly<Record<string, string>>;
}

/** Reads what a run is doing; the same object's calls tell the share of a processor between them. */
export class LiveReader {
  readonly #directory: string;
  #before: { readonly at: number; readonly seconds: number } | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async read(): Promise<LiveState> {
    const state = await stateOf(this.#directory);
    const pid = await holderOf(this.#directory);
    const progress = await readJson(join(this.#directory, progressFileName), progressForm);
    const { phase, step } = isMissing(progress) ? {} : progress;
    if (state !== "working" || pid === undefined) {
      return { state, done: state === "finished" ? 1 : 0, fields: { status: state } };
    }
    const done = phase === "verify" ? 1 : step ? step.step / step.steps : 0;
    const fields = {
      status: phase ? phases[phase] : "starting",
      percent: `${Math.floor(100 * done)} %`,
      ...(step && {
        stage: shorten(step.stage),
        epoch: `${step.epoch} of ${step.epochs}`,
        step: `step ${step.step} of ${step.steps}`,
        rate: step.imagesPerSecond.toFixed(0),
        ...(step.losses.loss !== undefined && { loss: significant(step.losses.loss) }),
        ...(step.secondsLeft !== null && timeFields(step.secondsLeft)),
      }),
      ...(await this.#processFields(pid)),
    };
    return { state, done: Math.min(1, done), fields };
  }

  /** Memory and processors of the job; nothing where its process is another user's, or gone. */
  async #processFields(pid: number): Promise<Record<string, string>> {
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const [status, stat] = [await read("status"), await read("stat")];
    const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
    // proc(5): the 14th and 15th field are times in the program and in the kernel, in hundredths of a second.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
    const now = { at: performance.now() / 1000, seconds };
    const before = this.#before;
    this.#before = now;
    const used = before && (now.seconds - before.seconds) / (now.at - before.at);
    return {
      ...(Number.isFinite(kibibytes) && { memory: bytes(1024 * kibibytes) }),
      ...(used !== undefined && Number.isFinite(used) && { processor: used.toFixed(1) }),
    };
  }
}

function timeFields(secondsLeft: number): Record<string, string> {
  const end = new Date(Date.now() + 1000 * secondsLeft);
  return { left: roughDuration(secondsLeft), end: `ends about ${clock(end)}` };
}
