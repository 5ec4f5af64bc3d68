// The process of run.ts: calls one function and says how it went.
import { failureOf, type Message, type Order } from "./run.ts";
import { Watchdog } from "./watchdog.ts";

const packageRoot = new URL("../", import.meta.url);
const watchdog = new Watchdog();

process.once("message", async ({ module, name, options }: Order) => {
  await watchdog.ready;
  try {
    const exports = (await import(new URL(module, packageRoot).href)) as Readonly<
      Record<string, unknown>
    >;
    const run = exports[name] as (options: unknown, watch: object) => Promise<unknown>;
    const announce = (what: string, seconds: number) => {
      watchdog.allow(seconds);
      say({ type: "doing", what, seconds });
    };
    const report = (event: unknown) => say({ type: "event", event });
    say({ type: "done", result: await run(options, { announce, report }) });
  } catch (error) {
    say({ type: "failed", failure: failureOf(error) });
  }
});

function say(message: Message): void {
  process.send?.(message);
}
