// What the processor can do, as Linux reports it, and which kernels OpenBLAS should take on it.
import { readFileSync } from "node:fs";

/** Whether this processor computes bf16 products in hardware (AVX-512 BF16 or AMX), as Linux reports it. */
export function cpuHasBfloat16(): boolean {
  return /\b(avx512_bf16|amx_bf16)\b/.test(cpuInfo());
}

/**
 * How many bits this processor multiplies at once, as Linux reports it: 512 with AVX-512, 256 with AVX2 and where
 * AVX-512 is computed in halves, as by AMD's family 25 (Zen 4); 0 where neither is known to be there.
 */
export function cpuVectorBits(): 512 | 256 | 0 {
  const info = cpuInfo();
  const inHalves = /^vendor_id\s*: AuthenticAMD$/m.test(info) && /^cpu family\s*: 25$/m.test(info);
  if (/\bavx512f\b/.test(info) && !inHalves) return 512;
  return /\bavx2\b/.test(info) ? 256 : 0;
}

/**
 * Has OpenBLAS take its fast kernels on Intel's processors. It knows the models that are older than itself, and takes
 * the slowest kernels on the others: 0.3.21 multiplies with a sixth of an Emerald Rapids' speed. It looks at the
 * environment when it is loaded, so this comes before.
 */
export function nameKernels(
  environment: NodeJS.ProcessEnv = process.env,
  info: string = cpuInfo(),
): void {
  if (environment.OPENBLAS_CORETYPE !== undefined || !/^vendor_id\s*: GenuineIntel$/m.test(info)) {
    return;
  }
  const has = (...flags: string[]) => flags.every((flag) => new RegExp(`\\b${flag}\\b`).test(info));
  if (has("avx512f", "avx512bw", "avx512dq", "avx512vl"))
    environment.OPENBLAS_CORETYPE = "SkylakeX";
  else if (has("avx2", "fma")) environment.OPENBLAS_CORETYPE = "Haswell";
}

/** Empty where it is not Linux: nothing is known to be there. */
function cpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}
