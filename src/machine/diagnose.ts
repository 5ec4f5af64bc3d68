// What is missing on this machine or worth mending, and what each such part would need.
import { explainMissing } from "../../native/locate.mjs";
import { packageCommand, rebuildCommand, setupCommand } from "../../native/remedies.mjs";
import { blasRemedy, installCommand, neededNode } from "../../native/system.mjs";
import { collectFacts, type MachineFacts } from "./facts.ts";

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

/** Looks at this machine; takes about half a second. */
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
      problem: `${facts.node.version} does not fit: ${neededNode} is needed`,
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
  return packages.flatMap(({ name, folder, failure }) => {
    if (!failure || name === "onnxruntime-web") return [];
    // npm installs nothing where a package of that version is there.
    const remedy = `${folder === undefined ? "" : `remove ${folder}, then `}${packageCommand(name)}`;
    if (!isRuntime(name)) return [{ name, needed: true, problem: failure, remedy }];
    const instead = hasRuntime ? "; onnxruntime-web takes its place, more slowly" : "";
    return [{ name, needed: !hasRuntime, problem: failure + instead, remedy }];
  });
}
