// Checks a model in a process of its own. No file, however hostile, can then bring down or block the
// command: a crash, a lack of memory and a run without end all become errors about the model.
import { fileURLToPath } from "node:url";
import { DeepObfError, ModelError } from "../errors.ts";
import type { CheckOptions, CheckResult } from "../evaluate/check.ts";
import { startLimited } from "../runtime/process.ts";
import type { Failure } from "./failure.ts";
import { printable } from "./printable.ts";

/** What the process says: what it does next and how long that may take, and how it ended. */
export type CheckMessage =
  | { readonly type: "doing"; readonly what: string; readonly seconds: number }
  | { readonly type: "done"; readonly result: CheckResult }
  | { readonly type: "failed"; readonly failure: Failure };

const startSeconds = 60;

/** Does what `checkModel` does. Throws what it throws, and ModelError where its process does not survive. */
export function checkInOwnProcess(options: CheckOptions): Promise<CheckResult> {
  const child = startLimited(fileURLToPath(new URL("./checkProcess.js", import.meta.url)));
  let doing = "starting to check";
  let lastWords = "";
  return new Promise<CheckResult>((resolve, reject) => {
    const expire = (seconds: number) => () =>
      reject(new ModelError(`${doing} ${options.model} did not end within ${seconds} s`));
    let timer = setTimeout(expire(startSeconds), startSeconds * 1000);
    child.on("message", (message: CheckMessage) => {
      clearTimeout(timer);
      if (message.type === "doing") {
        doing = message.what;
        timer = setTimeout(expire(message.seconds), message.seconds * 1000);
      } else if (message.type === "done") resolve(message.result);
      else reject(new DeepObfError(message.failure.exitCode, message.failure.message));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-600);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      const words =
        lastWords.trim() === "" ? "" : `\nIts last words: ${printable(lastWords.trim())}`;
      reject(new ModelError(`the process that was ${doing} ${options.model} ${how}${words}`));
    });
    child.send(options);
  }).finally(() => child.kill("SIGKILL"));
}
