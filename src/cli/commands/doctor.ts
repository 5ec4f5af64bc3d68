// `deepobf doctor`: what was found on this machine, and what each missing part would need.
import type { Libtorch } from "../../../native/locate.mjs";
import { exitCodes } from "../../errors.ts";
import type { Finding } from "../../machine/diagnose.ts";
import type { MachineFacts } from "../../machine/facts.ts";
import { counted } from "../../text.ts";
import { defineCommand } from "../command.ts";
import { renderList } from "../render.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary: "show what was found here: libtorch, BLAS, devices, ONNX Runtime, versions",
  options: {},
  common: ["json"],
  example: "doctor",
  failures: ["resources"],
  run: async () => {
    const { examineMachine } = await import("../../machine/diagnose.ts");
    const found = await examineMachine();
    if (!found.ready) process.exitCode = exitCodes.resources;
    return { json: found, text: renderReport(found, found.findings) };
  },
});

/** The report as text for people. */
export function renderReport(facts: MachineFacts, findings: readonly Finding[]): string {
  const { addon, cpu } = facts;
  const rows: [string, string][] = [
    ["DeepObf", facts.deepobf],
    ["Node", `${facts.node.version} (${facts.node.path})`],
    ["system", `${facts.system.name}, ${facts.system.kernel}, ${facts.system.architecture}`],
    [
      "CPU",
      `${cpu.model}, ${counted(cpu.processors, "processor")}, ${cpu.instructions.join(" ") || "no AVX2"}`,
    ],
    [
      "precision",
      cpu.bf16 ? "bf16 by default (in hardware)" : "f32 by default (no bf16 in hardware)",
    ],
    ["memory", `${(facts.memory / 2 ** 30).toFixed(1)} GiB`],
    [
      "libtorch",
      addon.builtFor
        ? describe({ ...addon.builtFor, version: addon.libtorch ?? addon.builtFor.version })
        : "none in use",
    ],
    ...rebuildRow(facts),
    ...facts.skipped.map(({ source, directory, reason }): [string, string] => [
      "  skipped",
      `${source} (${directory}): ${reason}`,
    ]),
    ["BLAS", describeBlas(facts.blas)],
    ["addon", addon.loads ? addon.path : "cannot be loaded"],
    ["devices", facts.devices.join(", ")],
    ...facts.packages.map(({ name, version, failure }): [string, string] => [
      name,
      version === undefined ? "missing" : failure ? `${version}, does not load` : version,
    ]),
    ...facts.data.map(({ name, found }): [string, string] => [name, found ?? "missing"]),
  ];
  const problems = findings.flatMap(({ name, needed, problem, remedy }) => [
    `${needed ? "missing" : "advice"}: ${name}: ${problem}`,
    ...(problem.includes(remedy) ? [] : [`  ${remedy}`]),
  ]);
  const verdict = findings.some(({ needed }) => needed)
    ? "DeepObf cannot work here yet."
    : "Everything needed is there.";
  return [renderList(rows), "", ...problems, verdict].join("\n");
}

/** Where a rebuild would take another libtorch than the one in use. */
function rebuildRow({ libtorch, addon }: MachineFacts): [string, string][] {
  if (!libtorch || libtorch.directory === addon.builtFor?.directory) return [];
  return [["  a build now", `would take ${describe(libtorch)}`]];
}

function describe({
  version,
  source,
  directory,
}: Pick<Libtorch, "version" | "source" | "directory">) {
  return `${version} from ${source} (${directory})`;
}

function describeBlas(blas: MachineFacts["blas"]): string {
  if (!blas) return "unknown: the addon does not load";
  return blas.kernels === "" ? blas.name : `${blas.name}, kernels for ${blas.kernels}`;
}
