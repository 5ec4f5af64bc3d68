import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/setup/compile.ts",
    pool: "forks",
    maxWorkers: 2,
    // For the tests that run ONNX Runtime in their own process.
    env: { ORT_DISABLE_TELEMETRY: "1" },
    // Against hangs alone: machines differ in speed, and tests that run at a time wait for each other.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // The readers of strangers' files: `npm run test:coverage` demands every branch.
    coverage: {
      provider: "v8",
      include: ["src/onnx/**/*.ts", "src/runs/safetensors.ts"],
      exclude: ["src/onnx/{generated/**,encode.ts,files.ts,index.ts,metadata.ts}"],
      reporter: ["text", "json"],
      reportsDirectory: ".cache/coverage",
      thresholds: { branches: 100 },
    },
  },
});
