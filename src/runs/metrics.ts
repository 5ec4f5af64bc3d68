// The metrics of a run: one JSON object a line. Positions in the file are kept in checkpoints, so
// that a resumed run repeats no line.
import { appendFile, open, stat, truncate } from "node:fs/promises";
import { cannotWrite, systemErrorCode } from "../systemErrors.ts";

/** Appends to a metrics file. */
export class MetricsFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Throws ResourceError where the disk is full or not writable. */
  async append(record: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await appendFile(this.path, `${JSON.stringify(record)}\n`);
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  /** Length in bytes, after flushing to the disk; 0 where the file is missing. */
  async flush(): Promise<number> {
    try {
      const file = await open(this.path, "r+");
      try {
        await file.sync();
        return (await file.stat()).size;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return 0;
      throw error;
    }
  }

  /** Forgets every line after a position that `flush` gave. */
  async rewind(position: number): Promise<void> {
    const size = await stat(this.path).then(
      (file) => file.size,
      () => 0,
    );
    if (size > position) await truncate(this.path, position);
  }
}
