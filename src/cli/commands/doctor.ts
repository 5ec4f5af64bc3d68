// `deepobf doctor`: what was found on this machine, and what each missing part would need.
import { defineCommand } from "../command.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary: "show what was found here: libtorch, BLAS, devices, ONNX Runtime, versions",
  options: {},
  common: ["json"],
  example: "doctor",
  failures: ["resources"],
  run: async ({ json }) => {
    const { doctorCommand } = await import("../doctor.ts");
    await doctorCommand({ json });
    return undefined;
  },
});
