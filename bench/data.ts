// Data on its way to training. As it is: time to make a batch of CIFAR-10's size from memory, and its share of a
// training step. With `--images N`: training from a folder of N photos of 224×224, which memory need not hold.
import { measureBatches } from "./batches.ts";
import { measureFolder } from "./imageFolder.ts";
import { readOptions } from "./options.ts";

const options = readOptions({
  rounds: process.argv.includes("--images") ? 300 : 12,
  more: ["images"],
});
if (options.images === undefined) await measureBatches(options);
else await measureFolder(options.images, options);
