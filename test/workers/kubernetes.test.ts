// The job for Kubernetes, as Kubeflow's training operator reads it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { root } from "../cli/deepobf.ts";

test("all pods of the example run the same, and differ in their number alone", () => {
  const text = readFileSync(join(root, "examples/cluster/pytorchjob.yaml"), "utf8");
  const { apiVersion, kind, spec } = parse(text);
  expect([apiVersion, kind]).toEqual(["kubeflow.org/v1", "PyTorchJob"]);
  const { Master: master, Worker: worker } = spec.pytorchReplicaSpecs;
  expect(worker).toEqual({ ...master, replicas: 3 });
  expect(master.replicas).toBe(1);
  const { containers, volumes } = master.template.spec;
  expect(containers).toHaveLength(1);
  const [container] = containers;
  expect(container.name).toBe("pytorch");
  const names = (list: { name: string }[]) => list.map(({ name }) => name);
  expect(names(container.volumeMounts)).toEqual(names(volumes));
  // The batch is that of all together, and every worker has a part of it.
  const batch = /--batch-size (\d+)/.exec(container.args[0])?.[1];
  expect(Number(batch) % (master.replicas + worker.replicas)).toBe(0);
});
