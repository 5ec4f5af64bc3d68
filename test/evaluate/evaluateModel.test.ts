// What `evaluate` says of files that ONNX Runtime does not run as they are, and when it says what of the images.
import { expect, test } from "vitest";
import { DataError } from "../../src/errors.ts";
import { evaluateModel } from "../../src/evaluate/evaluateModel.ts";
import type { DataType } from "../../src/graph/graph.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { imageFolders } from "../data/imageFolders.ts";
import { graph, node } from "../graph/graphs.ts";
import { writeData, writeTiny } from "../obfuscate/tiny.ts";
import { workshop } from "../workshop.ts";

const path = workshop();
const { dataFolder } = imageFolders();

/** A convolution that covers the image in a type of its own, between casts. */
function convolution(dtype: DataType, code: number, classes = 4) {
  const weights = Array.from({ length: classes * 64 }, (_, i) => Math.sin(i));
  return graph({
    inputs: { x: ["N", 1, 8, 8] },
    initializers: { w: fromNumbers(dtype, [classes, 1, 8, 8], weights) },
    nodes: [
      node("Cast", ["x"], "x.own", { to: code }),
      node("Conv", ["x.own", "w"], "c"),
      node("Flatten", ["c"], "f"),
      node("Cast", ["f"], "y", { to: 1 }),
    ],
    outputs: ["y"],
  });
}

test("says that a graph in float32 stands in for a file that does not run", async () => {
  const data = writeData(path("data"));
  const warningsOf = async (dtype: DataType, code: number) => {
    const model = writeTiny(path(`${dtype}.onnx`), convolution(dtype, code));
    return (await evaluateModel({ model, data, threads: 1 })).warnings.join("\n");
  };
  // ONNX Runtime has no convolution of doubles.
  const said = "accuracy, speed and latency are those of the graph in float32 that was read";
  expect(await warningsOf("float64", 11)).toContain(said);
  expect(await warningsOf("float32", 1)).not.toContain(said);
});

test("refuses images of too few classes before it tells of outputs without any", async () => {
  const data = `images:${await dataFolder()}`;
  const model = writeTiny(path("many.onnx"), convolution("float32", 1, 40));
  const notes: string[] = [];
  const judging = evaluateModel({ model, data, threads: 1, onNote: (note) => notes.push(note) });
  await expect(judging).rejects.toThrow(DataError);
  expect(notes).toEqual([]);
});
