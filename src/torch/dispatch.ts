// libtorch's dispatcher: any operator by its name (aten/src/ATen/native/native_functions.yaml), on what the addon
// takes and gives. Tensors are handles here.
import { native } from "./native.ts";

/** Thrown when libtorch refuses a call; the message is libtorch's, after the operator's name. */
export class TorchError extends Error {
  constructor(operator: string, cause: unknown) {
    super(`${operator}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "TorchError";
  }
}

/**
 * The operator of this name, such as `aten::add.Tensor`. It is looked up on the first call. The arguments are
 * those of its schema, in order. Throws TorchError.
 */
export function dispatch(name: string): (args: readonly unknown[]) => unknown {
  let index: number | undefined;
  return (args) => {
    try {
      index ??= resolve(name);
      return native.call(index, ...args);
    } catch (error) {
      throw new TorchError(name, error);
    }
  };
}

function resolve(name: string): number {
  const [base = name, overload = ""] = name.split(".");
  return native.resolve(base, overload);
}
