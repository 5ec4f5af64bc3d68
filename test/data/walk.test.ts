// Folders that hold more than a stack does.
import { expect, test, vi } from "vitest";
import { listEntries } from "../../src/data/complaints.ts";
import { listImages } from "../../src/data/walk.ts";

vi.mock("../../src/data/complaints.ts", () => ({ listEntries: vi.fn() }));

test("what is wrong with the names of a large folder is all told", async () => {
  const own = new Array<string>(200_000).fill("holds a name that is none");
  vi.mocked(listEntries).mockResolvedValueOnce({ entries: [], complaints: own });
  const complaints: string[] = [];
  await listImages("data", "a", complaints);
  expect(complaints).toHaveLength(own.length);
  expect(complaints[0]).toBe("a holds a name that is none");
});
