// Any operator of libtorch, on tensors.
import { dispatch } from "./dispatch.ts";
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

/**
 * The operator of this name in libtorch's dispatcher, such as `aten::add.Tensor`. The arguments are those of its
 * schema, in order. Throws TorchError.
 */
export function operator<R extends Result = Tensor>(name: string): (...args: Argument[]) => R {
  const call = dispatch(name);
  return (...args) => {
    for (let i = 0; i < args.length; i++) args[i] = unwrap(args[i]) as Argument;
    return wrap(call(args)) as R;
  };
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
