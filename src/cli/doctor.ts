// `deepobf doctor`: what was found on this machine, and what each missing part would need.

import { explainMissing, type Libtorch } from "../../native/locate.mjs";
import { rebuildCommand, setupCommand } from "../../native/remedies.mjs";
import { blasRemedy, installCommand, oldestNode } from "../../native/system.mjs";
import { nativeRemedy } from "../runtime/packages.ts";
import { counted } from "../text.ts";
import { collectFacts, type MachineFacts } from "./machine.ts";

/** Something missing or worth mending. DeepObf cannot work without what is needed. */
export interface Finding {
  readonly name: string;
  readonly needed: boolean;
  readonly problem: string;
  readonly remedy: string;
}

/** Kernels from before AVX, as OpenBLAS names them. */
const oldKernels = /^(Prescott|Banias|Core2|Penryn|Dunnington|Nehalem|Atom|Opteron|Barcelona)/i;

/** What was found on this machine, what is missing, and whether DeepObf can work here. */
export interface Examination extends MachineFacts {
  readonly ready: boolean;
  readonly findings: readonly Finding[];
}

export async function examineMachine(): Promise<Examination> {
  const facts = await collectFacts();
  const findings = diagnose(facts);
  return { ready: !findings.some(({ needed }) => needed), ...facts, findings };
}

/** What is wrong, in the order in which it should be mended. */
export function diagnose(facts: MachineFacts): Finding[] {
  const findings: Finding[] = [];
  if (!facts.node.fits)
    findings.push({
      name: "Node",
      needed: true,
      problem: `${facts.node.version} is too old: ${oldestNode} or newer is needed`,
      remedy: "https://nodejs.org",
    });
  const { addon, blas, cpu } = facts;
  if (!addon.loads && !facts.libtorch)
    findings.push({
      name: "libtorch",
      needed: true,
      problem: explainMissing(facts.skipped),
      remedy: setupCommand,
    });
  if (addon.problem)
    findings.push({
      name: "addon",
      needed: !addon.loads,
      problem: addon.problem,
      remedy: addon.loads ? rebuildCommand : setupCommand,
    });
  if (blas && !blas.fast)
    findings.push({
      name: "BLAS",
      needed: false,
      problem: `${blas.name} is slow: matrix products take some 40 times longer than with OpenBLAS`,
      remedy: blasRemedy(),
    });
  if (blas && oldKernels.test(blas.kernels) && cpu.instructions.includes("avx2"))
    findings.push({
      name: "BLAS",
      needed: false,
      problem: `${blas.name} does not know this processor, and multiplies by the kernels of a ${blas.kernels}, several times slower`,
      remedy: "take a newer OpenBLAS, or set OPENBLAS_CORETYPE=Haswell",
    });
  findings.push(...diagnosePackages(facts.packages));
  for (const requirement of facts.data)
    if (!requirement.found)
      findings.push({
        name: requirement.name,
        needed: false,
        problem: `not found (${requirement.purpose})`,
        remedy: installCommand([requirement]) ?? "docs/data.md says where it can be had",
      });
  return findings;
}

/** ONNX Runtime is there where either of its packages loads. */
function diagnosePackages(packages: MachineFacts["packages"]): Finding[] {
  const isRuntime = (name: string) => name.startsWith("onnxruntime-");
  const hasRuntime = packages.some(({ name, failure }) => isRuntime(name) && !failure);
  return packages.flatMap(({ name, failure }) => {
    if (!failure || name === "onnxruntime-web") return [];
    if (!isRuntime(name)) return [{ name, needed: true, problem: failure, remedy: setupCommand }];
    const instead = hasRuntime ? "; onnxruntime-web takes its place, more slowly" : "";
    return [{ name, needed: !hasRuntime, problem: failure + instead, remedy: nativeRemedy }];
  });
}

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
      failure ? "missing" : `${version}`,
    ]),
    ...facts.data.map(({ name, found }): [string, string] => [name, found ?? "missing"]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const problems = findings.flatMap(({ name, needed, problem, remedy }) => [
    `${needed ? "missing" : "advice"}: ${name}: ${problem}`,
    ...(problem.includes(remedy) ? [] : [`  ${remedy}`]),
  ]);
  const verdict = findings.some(({ needed }) => needed)
    ? "DeepObf cannot work here yet."
    : "Everything needed is there.";
  return [...table, "", ...problems, verdict].join("\n");
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
