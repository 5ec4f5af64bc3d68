// The process of `isolatedCheck.ts`: checks one model and says how it went.
import type { CheckOptions } from "../evaluate/check.ts";
import { describeFailure } from "./failure.ts";
import type { CheckMessage } from "./isolatedCheck.ts";

process.on("disconnect", () => process.exit());
process.once("message", async (options: CheckOptions) => {
  try {
    // Loading libtorch may fail, too.
    const { checkModel } = await import("../evaluate/check.ts");
    const result = await checkModel(options, (what, seconds) =>
      say({ type: "doing", what, seconds }),
    );
    say({ type: "done", result });
  } catch (error) {
    say({ type: "failed", failure: describeFailure(error) });
  }
});

function say(message: CheckMessage): void {
  process.send?.(message);
}
