// The metrics of a run: one JSON object a line. Positions in the file are kept in checkpoints, so
// that a resumed run repeats no line.
import { z } from "zod";
import { DataError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { count, figure, parseAs } from "../schema.ts";
import { throwCannotWrite } from "../systemErrors.ts";
import { escapeInvisible } from "../text.ts";
import { openOwn, readOwn, unlessMissing } from "./ownFiles.ts";

/** A training that went back because its loss was no number, and goes on with smaller steps. */
export interface Setback {
  /** Stage of the training, by name. */
  readonly stage: string;
  /** Steps of the whole training that are kept. */
  readonly backTo: number;
  /** What the learning rate is multiplied by from there. */
  readonly rate: number;
}

/** The form of a setback in a run's files. */
export const setback = z.strictObject({ stage: z.string(), backTo: count, rate: z.number() });

/** What a line holds: an epoch, a calibration of the loss, a setback, or what one of a job's trainings came to. */
const line = z.union([
  z.strictObject({
    stage: z.string(),
    epoch: count,
    epochs: count,
    seconds: z.number(),
    imagesPerSecond: figure,
    losses: z.record(z.string(), z.number()),
    rate: z.number(),
  }),
  z.strictObject({ calibration: z.number() }),
  z.strictObject({ setback }),
  z.strictObject({ trial: z.looseObject({}) }),
]);

export type MetricsLine = z.infer<typeof line>;

const mostBytes = 2 ** 28;

/** Appends to a metrics file. */
export class MetricsFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Throws ResourceError where the disk is full or not writable, DataError where the file is no regular one. */
  async append(record: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#writing(async () => {
      await using file = await openOwn(this.path, "append");
      await file.writeFile(`${JSON.stringify(record)}\n`);
    });
  }

  /** Length in bytes, after flushing to the disk; 0 where the file is missing. Throws as append does. */
  async flush(): Promise<number> {
    return this.#writing(async () => {
      await using file = await openOwn(this.path, "change").catch(unlessMissing);
      await file?.sync();
      return (await file?.stat())?.size ?? 0;
    });
  }

  /**
   * Forgets every line after a position that `flush` gave. Throws DataError where no run wrote what is before it, else
   * as append does.
   */
  async rewind(position: number): Promise<void> {
    await this.#writing(async () => {
      await using file = await openOwn(this.path, "change").catch(unlessMissing);
      const size = (await file?.stat())?.size ?? 0;
      if (size < position) {
        throw new DataError(
          `${escapeInvisible(this.path)} holds ${size} bytes, but ${position} when the run was interrupted; ` +
            "restore it, or begin a new run",
        );
      }
      await file?.truncate(position);
    });
    await this.lines();
  }

  #writing<T>(body: () => Promise<T>): Promise<T> {
    return body().catch(throwCannotWrite(this.path));
  }

  /** The setbacks of the run until now. Throws DataError where a line is none of a run's. */
  async setbacks(): Promise<Setback[]> {
    return (await this.lines()).flatMap((each) => ("setback" in each ? [each.setback] : []));
  }

  /** What the file holds. Throws DataError where a line is none of a run's. */
  async lines(): Promise<MetricsLine[]> {
    const text = (await readOwn(this.path, mostBytes))?.toString("utf8") ?? "";
    const lines = text.split("\n").slice(0, -1);
    return lines.map((each, index) => {
      const where = `${escapeInvisible(this.path)}, line ${index + 1}`;
      const damaged = (problem: string) =>
        new DataError(`${where}, is no line of a run: ${problem}`);
      return parseAs(line, parseJson(each), damaged);
    });
  }
}
