// Lifetimes of tensors: a scope frees what was made inside it, unless it is returned or kept.
import { native } from "./native.ts";
import { Tensor } from "./tensor.ts";

const open: Tensor[][] = [];

/** The list that a new tensor belongs to; undefined outside every scope. */
export function innermostScope(): Tensor[] | undefined {
  return open[open.length - 1];
}

/**
 * Runs `body` and frees every tensor made inside, except those it returns (directly or inside arrays,
 * maps and plain objects) and those given to `keep`. Returned tensors pass to the enclosing scope.
 */
export function scope<T>(body: () => T): T {
  const tensors: Tensor[] = [];
  open.push(tensors);
  let result: T;
  try {
    result = body();
  } catch (error) {
    open.pop();
    release(tensors);
    throw error;
  }
  open.pop();
  for (const tensor of tensorsIn(result)) {
    if (tensor.owner === tensors) move(tensor, innermostScope());
  }
  release(tensors);
  return result;
}

/** Takes a tensor out of its scope: it lives until `dispose()` or garbage collection. */
export function keep(tensor: Tensor): Tensor {
  move(tensor, undefined);
  return tensor;
}

function move(tensor: Tensor, owner: Tensor[] | undefined): void {
  tensor.owner = owner;
  if (owner) owner.push(tensor);
  else tensor.watch();
}

function release(tensors: Tensor[]): void {
  for (const tensor of tensors) if (tensor.owner === tensors) tensor.dispose();
}

function* tensorsIn(value: unknown): Iterable<Tensor> {
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value)) for (const element of value) yield* tensorsIn(element);
  else if (value instanceof Map) for (const element of value.values()) yield* tensorsIn(element);
  else if (value !== null && typeof value === "object" && isPlain(value)) {
    for (const element of Object.values(value)) yield* tensorsIn(element);
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Number of tensors that have been made and not freed. */
export function liveTensors(): number {
  return native.liveTensors();
}
