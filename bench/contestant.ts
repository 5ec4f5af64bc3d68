// One side of a comparison: a child process that does what a line on its standard input asks for, and
// answers with a line of JSON. Both sides work in turn and wait for the next line asleep.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

/** A child process, its work and its own description of itself. */
export class Contestant {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout ?? Readable.from([]) })[
      Symbol.asyncIterator
    ]();
  }

  /** Starts a command and waits until it is ready. */
  static async start(
    name: string,
    { command, environment }: { command: readonly string[]; environment?: Record<string, string> },
  ): Promise<Contestant> {
    const [program = "", ...parameters] = command;
    const child = spawn(program, parameters, {
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const contestant = new Contestant(name, child);
    await contestant.#answer();
    return contestant;
  }

  /** Asks for work, such as "20" or "add 1000". */
  async ask(request: string): Promise<Answer> {
    this.#child.stdin?.write(`${request}\n`);
    return await this.#answer();
  }

  close(): void {
    this.#child.stdin?.end();
  }

  async #answer(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.name} ended before it answered`);
    return JSON.parse(value) as Answer;
  }
}

export interface Answer {
  /** Of each step, or of each call on average. */
  readonly seconds: readonly number[];
  /** Resident set of the process afterwards, bytes. */
  readonly resident: number;
}

/** Answers the lines of standard input until it ends: the side of a contestant that is written in TypeScript. */
export async function serve(work: (request: string) => readonly number[]): Promise<void> {
  const answer = (seconds: readonly number[]) =>
    console.log(JSON.stringify({ seconds, resident: process.memoryUsage.rss() } satisfies Answer));
  answer([]);
  for await (const request of createInterface({ input: process.stdin })) answer(work(request));
}
