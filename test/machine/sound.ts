// A machine on which nothing is missing.
import type { MachineFacts } from "../../src/machine/facts.ts";

export const soundMachine: MachineFacts = {
  deepobf: "0.1.0",
  node: { version: "20.20.0", path: "/usr/bin/node", fits: true },
  system: { name: "Debian 12", kernel: "6.1", architecture: "x64" },
  cpu: { model: "EPYC", processors: 2, instructions: ["avx2"], bf16: false },
  memory: 2 ** 34,
  addon: {
    path: "/deepobf/build/native/deepobf.node",
    builtFor: { source: "system", version: "1.13.0", directory: "/usr" },
    loads: true,
    libtorch: "1.13.0",
    problem: undefined,
  },
  libtorch: undefined,
  skipped: [{ source: "python3", directory: "/torch", reason: "no C++ headers beside it" }],
  blas: { name: "/usr/lib/libopenblas.so.0", fast: true, kernels: "Haswell" },
  devices: ["cpu"],
  packages: [{ name: "sharp", version: "0.35.5", folder: "/sharp", failure: undefined }],
  data: [
    {
      name: "Fashion-MNIST",
      purpose: "data of the demo",
      needed: false,
      packages: {},
      found: "/usr/share/datasets",
    },
  ],
};
