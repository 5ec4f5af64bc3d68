// The report of a run: one HTML file that stands by itself, and the same facts as JSON.
import { join } from "node:path";
import { ensureDirectory, writeFileAtomically } from "../files.ts";
import { type CollectOptions, collectReport } from "./collect.ts";
import { renderPage } from "./page.ts";
import type { Report } from "./reportForm.ts";
import { architecturesSection } from "./sections/architectures.ts";
import { attacksSection } from "./sections/attacks.ts";
import { classesSection, disagreementsSection } from "./sections/classes.ts";
import { protectionSection, reproductionSection } from "./sections/closing.ts";
import { exposureSection } from "./sections/exposure.ts";
import { renderHero } from "./sections/hero.ts";
import { modelsSection } from "./sections/models.ts";
import { trainingSection } from "./sections/training.ts";

/** Paths of what a report is. */
export interface ReportFiles {
  readonly report: string;
  readonly json: string;
}

/** In the order in which they stand below the verdict. */
const sections = [
  architecturesSection,
  modelsSection,
  trainingSection,
  classesSection,
  disagreementsSection,
  exposureSection,
  attacksSection,
  protectionSection,
  reproductionSection,
];

/** The page of a report. */
export function renderReport(report: Report): string {
  return renderPage({
    title: `DeepObf: ${report.run.name}`,
    hero: renderHero(report),
    sections: sections.map((section) => section(report)),
  });
}

/**
 * Writes report.html and report.json into the folder of a run, or into `out`. Throws UsageError and DataError where
 * it is no run's folder, ResourceError where it cannot be written.
 */
export async function writeReport(
  directory: string,
  { out = directory, ...options }: CollectOptions & { readonly out?: string } = {},
): Promise<ReportFiles> {
  const report = await collectReport(directory, options);
  await ensureDirectory(out);
  const files = { report: join(out, "report.html"), json: join(out, "report.json") };
  await writeFileAtomically(files.report, renderReport(report));
  await writeFileAtomically(files.json, `${JSON.stringify(report, null, 2)}\n`);
  return files;
}
