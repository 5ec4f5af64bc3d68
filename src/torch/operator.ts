// Any operator of libtorch, by its name in the dispatcher (aten/src/ATen/native/native_functions.yaml).
import { native } from "./native.ts";
import { Tensor } from "./tensor.ts";

/** What an operator takes: null is "none", undefined the schema's default. */
export type Argument =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly (number | bigint | boolean)[]
  | readonly (Tensor | null)[];

/** What an operator gives. */
export type Result = Tensor | boolean | undefined | Result[];

/** Thrown when libtorch refuses a call; the message is libtorch's, after the operator's name. */
export class TorchError extends Error {
  constructor(operator: string, cause: unknown) {
    super(`${operator}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "TorchError";
  }
}

/**
 * The operator of this name, such as `aten::add.Tensor`. It is looked up on the first call.
 * The arguments are those of its schema, in order. Throws TorchError.
 */
export function operator<R extends Result = Tensor>(name: string): (...args: Argument[]) => R {
  let index: number | undefined;
  return (...args) => {
    for (let i = 0; i < args.length; i++) args[i] = unwrap(args[i]) as Argument;
    try {
      index ??= resolve(name);
      return wrap(native.call(index, ...args)) as R;
    } catch (error) {
      throw new TorchError(name, error);
    }
  };
}

function resolve(name: string): number {
  const [base = name, overload = ""] = name.split(".");
  return native.resolve(base, overload);
}

function unwrap(argument: unknown): unknown {
  if (argument instanceof Tensor) return argument.handle;
  if (Array.isArray(argument)) return argument.map(unwrap);
  return argument;
}

function wrap(result: unknown): Result {
  if (typeof result === "number") return new Tensor(result);
  if (Array.isArray(result)) return result.map(wrap);
  return result as boolean | undefined;
}
