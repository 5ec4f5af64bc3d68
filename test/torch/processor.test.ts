// Which kernels OpenBLAS is told to take, by what Linux says of the processor.
import { expect, test } from "vitest";
import { nameKernels } from "../../src/torch/processor.ts";

const avx512 = "avx2 fma avx512f avx512dq avx512bw avx512vl amx_bf16";
const info = (vendor: string, flags: string) =>
  `vendor_id\t: ${vendor}\ncpu family\t: 6\nmodel\t\t: 207\nflags\t\t: fpu sse2 ${flags}\n`;

test.each([
  ["an Intel with AVX-512", info("GenuineIntel", avx512), {}, "SkylakeX"],
  ["an Intel with AVX2", info("GenuineIntel", "avx2 fma"), {}, "Haswell"],
  ["an Intel with a part of AVX-512", info("GenuineIntel", "avx2 fma avx512f"), {}, "Haswell"],
  ["an Intel without either", info("GenuineIntel", "sse4_2"), {}, undefined],
  ["another's, whose newest OpenBLAS knows", info("AuthenticAMD", avx512), {}, undefined],
  ["what the user named", info("GenuineIntel", avx512), { OPENBLAS_CORETYPE: "Zen" }, "Zen"],
  ["no Linux", "", {}, undefined],
])("%s", (_, processor, given, expected) => {
  const environment: NodeJS.ProcessEnv = { ...given };
  nameKernels(environment, processor);
  expect(environment.OPENBLAS_CORETYPE).toBe(expected);
});
