// The library in use, as functions to copy from; test/cli/library.test.ts runs them.
import { doctor, inspect, obfuscate, type ProgressEvent, plan, saveImages } from "deepobf";

/** Looks first: what would be done, and what it would cost. Nothing is written. */
export async function look(model: string | Uint8Array, data: string): Promise<string> {
  const { ready, findings } = await doctor();
  if (!ready) return findings.map(({ problem, remedy }) => `${problem}: ${remedy}`).join("\n");
  const { convolutions, boundary } = await inspect({ model });
  const {
    plan: chain,
    timeShare,
    options,
  } = await plan({
    model,
    data,
    depth: 3,
    acceptOriginal: true,
  });
  return (
    `${convolutions} convolutions before ${boundary?.tensor} become ${chain.layers.length}, in ` +
    `${options.epochs} epochs; they should take ${Math.round(100 * timeShare)} % of the time`
  );
}

/** Obfuscates, tells the losses of each epoch, and stops with a checkpoint when `signal` aborts. */
export async function hide(
  model: string | Uint8Array,
  data: string,
  { out, signal }: { out: string; signal?: AbortSignal },
): Promise<number> {
  const onProgress = (event: ProgressEvent) => {
    if (event.type === "epoch") console.log(event.epoch, event.losses);
  };
  const options = { model, data, out, depth: 3, epochs: 2, acceptOriginal: true };
  const summary = await obfuscate(options, { onProgress, ...(signal && { signal }) });
  return summary.obfuscated.accuracy;
}

/** Images from a program of your own: written once, read by any job. */
export async function fromProgram(directory: string): Promise<{ data: string; classes?: string }> {
  function* draw(count: number) {
    for (let i = 0; i < count; i++) {
      const label = i % 2;
      const pixels = new Uint8Array(16 * 16).fill(label === 0 ? i : 255 - i);
      yield { pixels, shape: [16, 16, 1] as const, label };
    }
  }
  return saveImages(directory, { classes: ["dark", "light"], train: draw(40), test: draw(10) });
}
