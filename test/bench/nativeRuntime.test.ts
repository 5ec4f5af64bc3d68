// ONNX Runtime for Node among the runtimes that are measured.
import { expect, test, vi } from "vitest";
import { inNode } from "../../bench/nativeRuntime.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { missingRuntime } from "../../src/runtime/process.ts";
import { residualModel } from "../cli/fixtures.ts";
import { workshop } from "../workshop.ts";

const path = workshop()("model.onnx", residualModel());
const shape = [2, 1, 16, 16];
const model = { path, input: "image", shape, images: new Float32Array(2 * 256), seconds: 0.01 };

test("a model is run and timed", async () => {
  const answer = await inNode(model);
  expect(answer).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
});

test("a package that is not installed or does not load is told as the reason", async () => {
  await using session = await OnnxSession.open(path);
  const open = vi.spyOn(OnnxSession, "open");
  open.mockResolvedValueOnce(Object.assign(session, { runtime: "onnxruntime-web" }));
  expect(await inNode(model)).toBe("not installed, or does not load");
  open.mockRejectedValueOnce(missingRuntime("Cannot find package 'onnxruntime-node'"));
  expect(await inNode(model)).toBe(
    "ONNX Runtime cannot be loaded: Cannot find package 'onnxruntime-node'",
  );
});
