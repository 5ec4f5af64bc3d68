// Tensors of libtorch, and how long they live. A tensor made inside a scope is freed when the scope
// ends; one made outside is freed by `dispose()` or, as a safety net, by the garbage collector.
import { dispatch } from "./dispatch.ts";
import { type Handle, native } from "./native.ts";
import { Scoped } from "./scope.ts";
import {
  type Device,
  type DType,
  dtypeCode,
  dtypeOf,
  type MemoryFormat,
  memoryFormats,
} from "./types.ts";

/** Thrown when a tensor is used after it was freed. */
export class UseAfterDisposeError extends ReferenceError {
  constructor() {
    super("this tensor was disposed: keep() it inside its scope, or return it from the scope");
    this.name = "UseAfterDisposeError";
  }
}

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint16Array
  | Float32Array
  | Float64Array;

const disposed = -1;
const collected = new FinalizationRegistry<Handle>((handle) => {
  native.report(handle, -1);
  native.release(handle);
});

/** An n-dimensional array in native memory, on a device, with autograd. */
export class Tensor extends Scoped {
  #handle: Handle;
  #watched = false;
  #shape: readonly number[] | undefined;
  #dtype: DType | undefined;

  /** Takes ownership of a handle that the addon returned. */
  constructor(handle: Handle) {
    super();
    this.#handle = handle;
    this.enterScope();
  }

  /** The addon's index of this tensor. Throws UseAfterDisposeError. */
  get handle(): Handle {
    if (this.#handle === disposed) throw new UseAfterDisposeError();
    return this.#handle;
  }

  get isDisposed(): boolean {
    return this.#handle === disposed;
  }

  /** Sizes of the dimensions; empty for a scalar. */
  get shape(): readonly number[] {
    this.#shape ??= native.shape(this.handle);
    return this.#shape;
  }

  get dtype(): DType {
    this.#dtype ??= dtypeOf(native.dtype(this.handle));
    return this.#dtype;
  }

  get device(): Device {
    return native.device(this.handle) as Device;
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  /** The gradient that `backward` accumulated, sharing its memory; undefined where there is none. */
  get grad(): Tensor | undefined {
    const handle = native.gradientOf(this.handle);
    return handle === null ? undefined : new Tensor(handle);
  }

  /** This tensor in another element type, memory format or on another device; gradients pass through. */
  to(options: { dtype?: DType; device?: Device; memoryFormat?: MemoryFormat }): Tensor {
    const { dtype, device, memoryFormat } = options;
    const format = memoryFormat && memoryFormats[memoryFormat];
    const args = [dtype && dtypeCode(dtype), null, device, null, false, false, format];
    return new Tensor(convert([this.handle, ...args]) as Handle);
  }

  /** The same values, cut off from the record of gradients. */
  detach(): Tensor {
    return new Tensor(detach([this.handle]) as Handle);
  }

  /** The value of a tensor of one element. */
  item(): number {
    return native.item(this.handle);
  }

  /** The elements in row-major order, as bytes. One copy. */
  toBytes(): Uint8Array {
    return native.toBytes(this.handle);
  }

  /** The elements in row-major order, as the typed array of this dtype (16-bit floats as float32). */
  toTypedArray(): TypedArray {
    if (this.dtype === "bfloat16" || this.dtype === "float16") {
      using wide = this.to({ dtype: "float32" });
      return wide.toTypedArray();
    }
    const buffer = this.toBytes().buffer as ArrayBuffer;
    switch (this.dtype) {
      case "float32":
        return new Float32Array(buffer);
      case "float64":
        return new Float64Array(buffer);
      case "int64":
        return new BigInt64Array(buffer);
      case "int32":
        return new Int32Array(buffer);
      case "int16":
        return new Int16Array(buffer);
      case "int8":
        return new Int8Array(buffer);
      case "uint8":
      case "bool":
        return new Uint8Array(buffer);
    }
  }

  /** The elements in row-major order, as numbers. */
  numbers(): number[] {
    return Array.from(this.toTypedArray() as ArrayLike<number | bigint>, Number);
  }

  /** Frees the native memory. A second call does nothing. */
  dispose(): void {
    if (this.#handle === disposed) return;
    if (this.#watched) {
      native.report(this.#handle, -1);
      collected.unregister(this);
    }
    native.release(this.#handle);
    this.#handle = disposed;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Leaves this tensor to `dispose()` or the garbage collector, which learns of its bytes. */
  watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    native.report(this.handle, 1);
    collected.register(this, this.#handle, this);
  }
}

/** Number of tensors that have been made and not freed. */
export function liveTensors(): number {
  return native.liveTensors();
}

const convert = dispatch("aten::to.dtype_layout");
const detach = dispatch("aten::detach");
