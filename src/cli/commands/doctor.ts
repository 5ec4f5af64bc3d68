// `deepobf doctor`: what was found on this machine, and what each missing part would need.
import { exitCodes } from "../../errors.ts";
import { defineCommand } from "../command.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary: "show what was found here: libtorch, BLAS, devices, ONNX Runtime, versions",
  options: {},
  common: ["json"],
  example: "doctor",
  failures: ["resources"],
  run: async () => {
    const { examineMachine, renderReport } = await import("../doctor.ts");
    const found = await examineMachine();
    if (!found.ready) process.exitCode = exitCodes.resources;
    return { json: found, text: renderReport(found, found.findings) };
  },
});
