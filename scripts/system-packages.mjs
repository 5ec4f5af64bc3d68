// Installs missing system packages with apt-get where that needs nobody's password; else ends with the exact
// command for this system.
import { setupCommand } from "../native/remedies.mjs";
import { installCommand, packageManager, which } from "../native/system.mjs";
import { attempt, fail, inEnglish, lastLines } from "./process.mjs";

/** @import { Requirement } from "../native/system.d.mts" */

/** The oldest libtorch-dev that serves (Debian 11 and Ubuntu 22.04 have older ones). */
const oldestLibtorch = [1, 13];

/** Whether this process may install packages: as root, or with a sudo that asks for no password. */
function elevation() {
  if (process.getuid?.() === 0) return [];
  return which("sudo") && attempt(["sudo", "-n", "true"]).ok ? ["sudo", "-n"] : undefined;
}

/**
 * The version of each package that apt would install; packages it does not know are absent.
 * @param {readonly string[]} names
 */
function aptCandidates(names) {
  const { output } = attempt(["apt-cache", "policy", ...names], { env: inEnglish });
  /** @type {Map<string, string>} */
  const candidates = new Map();
  let name = "";
  for (const line of output.split("\n")) {
    if (/^\S+:$/.test(line)) name = line.slice(0, -1);
    const version = /^ {2}Candidate: (.*)$/.exec(line)?.[1];
    if (version && version !== "(none)") candidates.set(name, version);
  }
  return candidates;
}

/** @param {readonly string[]} parameters */
function aptGet(...parameters) {
  const settings = ["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"];
  return [
    ...(elevation() ?? []),
    "env",
    ...settings,
    "apt-get",
    "-o",
    "DPkg::Lock::Timeout=120",
    ...parameters,
  ];
}

/** Fetches apt's package lists. Where that fails, the old ones may still do: what is missing then is said later. */
function updateLists() {
  const { ok, output } = attempt(aptGet("update"));
  if (!ok)
    console.log(`system: apt's package lists could not be fetched:\n${lastLines(output, 3)}`);
}

/** Whether apt has a libtorch-dev that is new enough; package lists are fetched where they lack it. */
export function aptHasLibtorch() {
  if (packageManager() !== "apt") return false;
  const known = () => aptCandidates(["libtorch-dev"]).get("libtorch-dev");
  if (!known() && elevation()) updateLists();
  const version = known();
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return (
    major > (oldestLibtorch[0] ?? 0) ||
    (major === oldestLibtorch[0] && minor >= (oldestLibtorch[1] ?? 0))
  );
}

/**
 * Installs what is missing; returns what stays missing although it is not needed to build.
 * @param {readonly Requirement[]} requirements
 * @returns {Requirement[]}
 */
export function installMissing(requirements) {
  const missing = requirements.filter(({ found }) => !found);
  if (missing.length === 0) return [];
  const manual = packageManager() !== "apt" || !elevation();
  if (manual) {
    if (missing.some(({ needed }) => needed)) fail(explain(missing));
    return missing;
  }
  const names = missing.flatMap(({ packages }) => packages.apt ?? []);
  let candidates = aptCandidates(names);
  if (names.some((name) => !candidates.has(name))) {
    updateLists();
    candidates = aptCandidates(names);
  }
  const available = names.filter((name) => candidates.has(name));
  const unknown = missing.filter(({ packages }) => !candidates.has(packages.apt ?? ""));
  if (unknown.some(({ needed }) => needed)) fail(explain(unknown));
  if (available.length === 0) return missing;
  console.log(`system: installing ${available.join(" ")}`);
  const install = aptGet("install", "--yes", "--no-install-recommends", ...available);
  if (attempt(install).ok) return unknown;
  // Old package lists name versions that the mirror no longer has.
  updateLists();
  const { ok, output } = attempt(install);
  if (ok) return unknown;
  const failure = `Installing system packages failed: ${install.join(" ")}\n${lastLines(output)}`;
  if (missing.some(({ needed }) => needed)) fail(failure);
  console.log(failure);
  return missing;
}

/** @param {readonly Requirement[]} missing */
function explain(missing) {
  const command = installCommand(missing);
  const list = missing.map(({ name, purpose }) => `  ${name}: ${purpose}`);
  const reason =
    packageManager() !== "apt"
      ? "Set-up installs system packages on Debian and its relatives only."
      : elevation()
        ? "apt does not know them, not even after an update."
        : "Only root can install them, and set-up is neither root nor allowed to use sudo without a password.";
  const libtorch = missing.some(({ name }) => name === "libtorch")
    ? [`Or take libtorch from Python, without root: DEEPOBF_SETUP_LIBTORCH=pip ${setupCommand}`]
    : [];
  return [
    "System packages are missing:",
    ...list,
    reason,
    command ? `To install them:\n  ${command}` : "Install them as this system does.",
    ...libtorch,
    `Then: ${setupCommand}`,
  ].join("\n");
}
