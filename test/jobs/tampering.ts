// What a stranger may do to the folder of a run: over a hundred ways, each with hashes that fit again where there are
// any, since hashes without a key keep nobody out.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../src/files.ts";

type Json = Record<string, unknown>;

/** Changes the folder of a run; `outside` is a folder with somebody else's files. */
export type Tampering = (run: string, outside: string) => void;

const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Json;

/** JSON that whoever walks it recursively has no stack for. */
const nested = "[".repeat(1e5) + "]".repeat(1e5);

/** The folder of the newest checkpoint. */
function newestOf(run: string): string {
  return join(run, "checkpoints", readdirSync(join(run, "checkpoints")).sort().at(-1)!);
}

/** Changes a manifest, and brings its hash in line. */
function editManifest(folder: string, edit: (manifest: Json) => void): void {
  const path = join(folder, "manifest.json");
  const manifest = read(path);
  edit(manifest);
  const { format, sha256: _, ...rest } = manifest;
  const state = readFileSync(join(folder, "state.safetensors"));
  const sha256 = sha256Of(JSON.stringify(rest), state);
  writeFileSync(path, JSON.stringify({ format, ...rest, sha256 }));
}

/** Changes config.json, and brings the hashes in all checkpoints in line. */
function editConfig(run: string, edit: (config: Json & { options: Json }) => void): void {
  const path = join(run, "config.json");
  const config = read(path) as Json & { options: Json };
  edit(config);
  const text = `${JSON.stringify(config, null, 2)}\n`;
  writeFileSync(path, text);
  for (const name of readdirSync(join(run, "checkpoints"))) {
    editManifest(join(run, "checkpoints", name), (manifest) => {
      manifest.configuration = sha256Of(text);
    });
  }
}

/** Puts other bytes in the place of the newest state, and brings the hash in line. */
function putState(run: string, bytes: Uint8Array): void {
  const folder = newestOf(run);
  writeFileSync(join(folder, "state.safetensors"), bytes);
  editManifest(folder, () => {});
}

/** Changes the header and the elements of the newest state. */
function editState(run: string, edit: (header: Json, data: Buffer) => void): void {
  const bytes = readFileSync(join(newestOf(run), "state.safetensors"));
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString("utf8")) as Json;
  const data = bytes.subarray(8 + length);
  edit(header, data);
  const json = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  putState(run, Buffer.concat([size, json, data]));
}

/** What is put in the place of a file or folder of a run. */
const replacements: Record<string, (path: string, outside: string) => void> = {
  "a pipe": (path) => void execFileSync("mkfifo", [path]),
  "a folder": (path) => mkdirSync(path),
  "a link to a file outside": (path, outside) => symlinkSync(join(outside, "precious.json"), path),
  "a link to a folder outside": (path, outside) => symlinkSync(outside, path),
  "a link to an endless device": (path) => symlinkSync("/dev/zero", path),
  "a link to itself": (path) => symlinkSync(path, path),
  "a link to nothing": (path) => symlinkSync("nowhere", path),
};

/** Other values for a whole number, a text and so on: none of them is one. */
const wrongValues: readonly unknown[] = [undefined, null, "x", -1, 0.1, 1e9, [], {}, "\u001b[2J\n"];

function withValue(table: Json, key: string, value: unknown): void {
  if (value === undefined) delete table[key];
  else table[key] = value;
}

/** Every tampering by name; `keys` are those of the options in config.json. */
export function tamperings(keys: readonly string[]): [string, Tampering][] {
  const list: [string, Tampering][] = [];
  const add = (name: string, tampering: Tampering) => list.push([name, tampering]);

  for (const text of ["", "{", "[]", "null", "7", "{}", '{"job":"toy"}', "[".repeat(100_000)]) {
    for (const file of ["config.json", "summary.json"]) {
      add(`${file}: ${text.slice(0, 20)}`, (run) => writeFileSync(join(run, file), text));
    }
    add(`manifest.json: ${text.slice(0, 20)}`, (run) =>
      writeFileSync(join(newestOf(run), "manifest.json"), text),
    );
    add(`metrics.jsonl: ${text.slice(0, 20)}`, (run) =>
      writeFileSync(join(run, "metrics.jsonl"), `${text}\n`.repeat(50)),
    );
  }

  for (const file of ["config.json", "summary.json"]) {
    add(`${file}: a hundred thousand levels`, (run) => {
      const table = existsSync(join(run, file)) ? read(join(run, file)) : {};
      const text = JSON.stringify({ ...table, x: 0 });
      writeFileSync(join(run, file), text.replace('"x":0', `"x":${nested}`));
    });
  }

  for (const [what, put] of Object.entries(replacements)) {
    const places: Record<string, (run: string) => string> = {
      "config.json": (run) => join(run, "config.json"),
      "summary.json": (run) => join(run, "summary.json"),
      "metrics.jsonl": (run) => join(run, "metrics.jsonl"),
      "model.onnx": (run) => join(run, "model.onnx"),
      checkpoints: (run) => join(run, "checkpoints"),
      "the newest checkpoint": newestOf,
      "its manifest": (run) => join(newestOf(run), "manifest.json"),
      "its state": (run) => join(newestOf(run), "state.safetensors"),
      "the lock": (run) => join(run, "lock"),
      "remains of a crash": (run) => join(run, "x.tmp"),
      "remains of a checkpoint": (run) => join(run, "checkpoints", "000009.0.tmp"),
    };
    for (const [name, place] of Object.entries(places)) {
      add(`${name}: ${what}`, (run, outside) => {
        const path = place(run);
        rmSync(path, { recursive: true, force: true });
        put(path, outside);
      });
    }
  }
  add("metrics.jsonl: another name of a file outside", (run, outside) => {
    rmSync(join(run, "metrics.jsonl"));
    linkSync(join(outside, "precious.json"), join(run, "metrics.jsonl"));
  });
  add("checkpoints: moved outside and linked", (run, outside) => {
    renameSync(join(run, "checkpoints"), join(outside, "..", "moved"));
    symlinkSync(join(outside, "..", "moved"), join(run, "checkpoints"));
  });

  for (const key of keys) {
    for (const value of wrongValues) {
      if (key === "epochs" && value === 1e9) continue; // that is a long training, and no other fault
      add(`option ${key}: ${JSON.stringify(value)}`, (run) =>
        editConfig(run, ({ options }) => withValue(options, key, value)),
      );
    }
  }
  for (const key of ["job", "options", "identity", "description", "versions"]) {
    for (const value of wrongValues) {
      add(`config ${key}: ${JSON.stringify(value)}`, (run) =>
        editConfig(run, (config) => withValue(config, key, value)),
      );
    }
  }
  const facts = ["format", "step", "halvings", "epochLosses", "stageIndex", "metricsLength"];
  for (const key of [...facts, "seconds", "configuration"]) {
    for (const value of [...wrongValues, 99, 12]) {
      add(`manifest ${key}: ${JSON.stringify(value)}`, (run) =>
        editManifest(newestOf(run), (manifest) => withValue(manifest, key, value)),
      );
    }
  }
  add("state: no tensors", (run) =>
    editState(run, (header) => Object.keys(header).forEach((key) => void delete header[key])),
  );
  add("state: a header of nothing", (run) => putState(run, Buffer.alloc(8)));
  add("state: a header beyond its end", (run) => putState(run, Buffer.alloc(64, 255)));
  const tensor = "parameter.fc.weight";
  for (const [what, value] of Object.entries({
    missing: undefined,
    "of another shape": { dtype: "F32", shape: [1], data_offsets: [0, 4] },
    "of another type": { dtype: "U8", shape: [4], data_offsets: [0, 4] },
    "of huge sizes": { dtype: "F32", shape: [2 ** 52, 2 ** 52, 0], data_offsets: [0, 0] },
    "of huge rank": { dtype: "F32", shape: new Array(1000).fill(1), data_offsets: [0, 4] },
    "outside the file": { dtype: "F32", shape: [2 ** 40], data_offsets: [0, 2 ** 42] },
    "a text": "x",
    nothing: null,
  })) {
    add(`state: a tensor ${what}`, (run) =>
      editState(run, (header) => withValue(header, tensor, value)),
    );
  }
  add("state: weights that are no numbers", (run) =>
    editState(run, (_, data) => void data.fill(255)),
  );
  add("state: that of the start at the last step", (run) => {
    const first = join(run, "checkpoints", readdirSync(join(run, "checkpoints")).sort()[0]!);
    putState(run, readFileSync(join(first, "state.safetensors")));
    editManifest(newestOf(run), (manifest) => withValue(manifest, "step", 12));
  });
  return list;
}
