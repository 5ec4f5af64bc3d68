// Pages on the library's functions and types, by TypeDoc from their docstrings, in build/library. Fails where a function
// or type has none. TypeDoc reads sources by TypeScript's JavaScript API, which ends with TypeScript 6: it has packages
// of its own, in .cache/typedoc.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./process.mjs";

const packages = {
  typedoc: "0.28.20",
  "typedoc-plugin-missing-exports": "4.1.4",
  typescript: "6.0.3",
};
const home = join(root, ".cache", "typedoc");
const output = join(root, "build", "library");

mkdirSync(home, { recursive: true });
writeFileSync(
  join(home, "package.json"),
  JSON.stringify({ private: true, dependencies: packages }),
);
run("installing TypeDoc", ["npm", "install", "--silent"], { cwd: home });
const modules = join(home, "node_modules");
const documented = ["Function", "Class", "Interface", "TypeAlias", "Method"];
run(
  "TypeDoc",
  [
    ...[process.execPath, join(modules, "typedoc", "bin", "typedoc")],
    ...["--plugin", join(modules, "typedoc-plugin-missing-exports", "index.js")],
    ...["--entryPoints", "src/index.ts", "--readme", "docs/library.md", "--out", output],
    ...["--disableSources", "--treatWarningsAsErrors", "--validation.notDocumented", "true"],
    ...["--validation.invalidLink", "false"],
    ...documented.flatMap((kind) => ["--requiredToBeDocumented", kind]),
  ],
  { cwd: root },
);
console.log(`the library's pages: ${join(output, "index.html")}`);
