// Constant tensors of a graph as tensors of libtorch, and back. 16-bit floats of a file are computed
// with in 32 bits: libtorch has no complete set of 16-bit operators on the CPU.
import { ModelError } from "../errors.ts";
import type { DataType, TensorData } from "../graph/graph.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { typeCodes } from "../graph/typeCodes.ts";
import { type Device, type DType, fromBytes, type Tensor } from "../torch/index.ts";

/** The element type that the engine computes with for one of a file. Throws ModelError. */
export function computedType(dtype: DataType): DType {
  if (dtype === "float16" || dtype === "bfloat16") return "float32";
  if (dtype === "uint16" || dtype === "uint32" || dtype === "uint64") {
    throw new ModelError(`tensors of type ${dtype} are not supported`);
  }
  return dtype;
}

/** A tensor with the elements of a constant. Throws ModelError for types that libtorch lacks. */
export function toTensor(constant: TensorData, device: Device): Tensor {
  const dtype = computedType(constant.dtype);
  const { shape } = constant;
  const { data } = dtype === constant.dtype ? constant : fromFloat32(shape, toFloat32(constant));
  return fromBytes(data, { dtype, shape, device });
}

/** The elements of a tensor, in the given element type of a file. */
export function toTensorData(tensor: Tensor, dtype: DataType): TensorData {
  const type = dtype === "float16" || dtype === "bfloat16" ? dtype : computedType(dtype);
  return { dtype, shape: tensor.shape, data: tensor.to({ dtype: type, device: "cpu" }).toBytes() };
}

/** The element type of a number in an attribute. Throws RangeError for one that is not known. */
export function typeOfNumber(number: number): DataType {
  const dtype = typeCodes.get(number);
  if (!dtype) throw new RangeError(`element type ${number} is not supported`);
  return dtype;
}

/** Converts as ONNX does: to 16-bit floats by rounding, though they are kept in 32 bits. */
export function castTo(x: Tensor, dtype: DataType): Tensor {
  const isHalf = dtype === "float16" || dtype === "bfloat16";
  return isHalf ? x.to({ dtype }).to({ dtype: "float32" }) : x.to({ dtype: computedType(dtype) });
}
