// Scaled dot-product attention (Vaswani et al. 2017), with grouped heads and a mask.
import { operator, type Tensor } from "../../torch/index.ts";
import { add, mulScalar, permute, reshape } from "../aten.ts";
import type { Attributes } from "../attributes.ts";

const lowerTriangle = operator("aten::tril");
const matmul = operator("aten::matmul");
const maskFill = operator("aten::masked_fill.Scalar");
const logicalNot = operator("aten::logical_not");
const onesLike = operator("aten::ones_like");
const repeatEach = operator("aten::repeat_interleave.self_int");
const softmax = operator("aten::softmax.int");
const tanh = operator("aten::tanh");

/** Inputs [batch, heads, length, size], or [batch, length, heads * size] with the heads as attributes. */
export function Attention(
  [queries, keys, values, mask]: [Tensor, Tensor, Tensor, Tensor?],
  { is_causal = 0, kv_num_heads = 0, q_num_heads = 0, scale, softcap = 0 }: Attributes,
): Tensor {
  const q = splitHeads(queries, q_num_heads);
  const [k, v] = [keys, values].map((x) => {
    const split = splitHeads(x, kv_num_heads);
    const groups = q.shape[1]! / split.shape[1]!;
    return groups > 1 ? repeatEach(split, groups, 1) : split;
  }) as [Tensor, Tensor];
  const factor = scale ?? 1 / Math.sqrt(q.shape[3]!);
  let scores = mulScalar(matmul(q, permute(k, [0, 1, 3, 2])), factor);
  if (softcap > 0) scores = mulScalar(tanh(mulScalar(scores, 1 / softcap)), softcap);
  if (is_causal) scores = hide(scores, lowerTriangle(onesLike(scores)).to({ dtype: "bool" }));
  if (mask) scores = mask.dtype === "bool" ? hide(scores, mask) : add(scores, mask);
  const mixed = matmul(softmax(scores, -1), v);
  if (queries.shape.length === 4) return mixed;
  const [batch = 1, heads = 1, length = 1, size = 1] = mixed.shape;
  return reshape(permute(mixed, [0, 2, 1, 3]), [batch, length, heads * size]);
}

function splitHeads(x: Tensor, heads: number): Tensor {
  if (x.shape.length === 4) return x;
  const [batch = 1, length = 1, size = 1] = x.shape;
  if (heads < 1) throw new RangeError("the number of heads is missing");
  return permute(reshape(x, [batch, length, heads, size / heads]), [0, 2, 1, 3]);
}

/** Keeps the scores where the mask is true. */
function hide(scores: Tensor, mask: Tensor): Tensor {
  return maskFill(scores, logicalNot(mask), Number.NEGATIVE_INFINITY);
}
