// Lifetimes in native memory: a scope frees what was made inside it, unless it is returned or kept.

/** Something that a scope frees. */
export abstract class Scoped {
  /** The scope that frees this, if one does. Written by this file alone. */
  owner: Scoped[] | undefined;

  /** Gives it to the innermost scope, if there is one. */
  protected enterScope(): void {
    this.owner = open[open.length - 1];
    if (this.owner) this.owner.push(this);
    else this.watch();
  }

  /** Frees the native memory. A second call does nothing. */
  abstract dispose(): void;

  /** Leaves it to `dispose()` or the garbage collector. */
  abstract watch(): void;
}

const open: Scoped[][] = [];

/**
 * Runs `body` and frees every tensor made inside, except those it returns (directly or inside arrays,
 * maps and plain objects) and those given to `keep`. Returned tensors pass to the enclosing scope.
 */
export function scope<T>(body: () => T): T {
  const tensors: Scoped[] = [];
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
    if (tensor.owner === tensors) move(tensor, open[open.length - 1]);
  }
  release(tensors);
  return result;
}

/** Takes a tensor out of its scope: it lives until `dispose()` or garbage collection. */
export function keep<T extends Scoped>(tensor: T): T {
  move(tensor, undefined);
  return tensor;
}

function move(tensor: Scoped, owner: Scoped[] | undefined): void {
  tensor.owner = owner;
  if (owner) owner.push(tensor);
  else tensor.watch();
}

function release(tensors: Scoped[]): void {
  for (const tensor of tensors) if (tensor.owner === tensors) tensor.dispose();
}

function* tensorsIn(value: unknown): Iterable<Scoped> {
  if (value instanceof Scoped) yield value;
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
