// The batch file for Slurm, with an srun that starts its tasks here, and with workers that end as they are told.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../cli/deepobf.ts";
import { workshop } from "../workshop.ts";

const path = workshop();
let jobs = 0;

/** As `--kill-on-bad-exit=1` and a KillWait of a second have it; a step ends with the highest code of its tasks. */
const srun = `#!/bin/bash
[ -n "$NO_NODES" ] && exit 1
[[ " $* " == *" --kill-on-bad-exit=1 "* ]] && kills=1
while [[ $1 == --* ]]; do shift; done
echo >> steps
export STEP=$(wc -l < steps)
highest=0
for ((task = 0; task < SLURM_NTASKS; task++)); do
  SLURM_PROCID=$task SLURM_LOCALID=$task setsid "$@" &
  tasks+=(-$!)
done
for _ in "\${tasks[@]}"; do
  wait -n "\${tasks[@]#-}"
  code=$?
  [ $code -gt $highest ] && highest=$code
  [ $code -ne 0 ] && [ -n "$kills" ] && [ -z "$isEnding" ] && isEnding=1 &&
    kill -TERM -- "\${tasks[@]}" 2>/dev/null &&
    { sleep 1; kill -KILL -- "\${tasks[@]}" 2>/dev/null; } &
done
wait
exit $highest
`;

/** Ends as PLAN says of its step and rank: by a code, by SIGKILL, or never. */
const deepobf = `#!/bin/bash
[ $RANK -eq 0 ] && echo "$1" >> commands
mkdir -p run && touch run/config.json
action=$(cut -d ';' -f $STEP <<< "$PLAN" | cut -d , -f $((RANK + 1)))
trap 'exit 143' TERM
case $action in
  lost) kill -KILL $$ ;;
  hangs) kill -STOP $$ ;;
  8) sleep 0.3 && exit 8 ;; # it takes time to see that another one is gone
  *) exit $action ;;
esac
`;

function submit(plan: string, environment: Record<string, string> = {}) {
  const job = `job${jobs++}`;
  const [folder, bin] = [path(job), path(`${job}/bin`)];
  const scontrol = "#!/bin/sh\necho node1\n";
  for (const [name, script] of Object.entries({ srun, deepobf, scontrol })) {
    chmodSync(path(`${job}/bin/${name}`, script), 0o755);
  }
  const { status, stderr } = spawnSync("bash", [join(root, "examples", "cluster", "slurm.sh")], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      PLAN: plan,
      SLURM_JOB_ID: "7",
      SLURM_JOB_NODELIST: "node1",
      SLURM_NTASKS: "2",
      SLURM_NTASKS_PER_NODE: "2",
      SLURM_CPUS_PER_TASK: "1",
      ...environment,
    },
  });
  const commands = join(folder, "commands");
  const started = existsSync(commands) ? readFileSync(commands, "utf8").trim().split("\n") : [];
  expect(readdirSync(folder).filter((name) => name.includes("codes"))).toEqual([]);
  return { status, started, stderr };
}

test.each([
  ["is done", "0,0", 0, ["obfuscate"]],
  ["lost a worker by a signal", "8,lost;0,0", 0, ["obfuscate", "resume"]],
  ["lost its first worker", "lost,8;0,0", 0, ["obfuscate", "resume"]],
  ["has a worker that hangs", "8,hangs;0,0", 0, ["obfuscate", "resume"]],
  ["fails for good, which ends the others with 8", "4,8", 4, ["obfuscate"]],
  ["misses a gate", "7,0", 7, ["obfuscate"]],
  ["has no program", "127,127", 127, ["obfuscate"]],
  [
    "loses one each time",
    "8,lost;8,lost;lost,8;8,lost",
    8,
    ["obfuscate", "resume", "resume", "resume"],
  ],
] as const)("a job that %s", (_, plan, status, started) => {
  expect(submit(plan)).toMatchObject({ status, started });
});

test("a job whose workers cannot be started ends as srun does", () => {
  expect(submit("", { NO_NODES: "1" })).toMatchObject({ status: 1, started: [] });
});
