// What a long job tells its caller while it runs.

/** Events of a running job, in order. Rates are images a second, times seconds. */
export type ProgressEvent =
  | { readonly type: "phase"; readonly name: string }
  | { readonly type: "message"; readonly text: string }
  | {
      readonly type: "step";
      readonly stage: string;
      readonly epoch: number;
      readonly epochs: number;
      readonly step: number;
      readonly steps: number;
      readonly imagesPerSecond: number;
      readonly secondsLeft: number;
      /** Weighted loss terms by name, and their sum as `loss`. Absent where not read back this step. */
      readonly losses?: Readonly<Record<string, number>>;
    }
  | {
      readonly type: "epoch";
      readonly stage: string;
      readonly epoch: number;
      readonly epochs: number;
      readonly seconds: number;
      readonly imagesPerSecond: number;
      readonly losses: Readonly<Record<string, number>>;
      /** Accuracy on the held-out or test images, where it was measured. */
      readonly accuracy?: number;
    };

/** How a caller follows and stops a job. */
export interface JobHooks {
  readonly onProgress?: (event: ProgressEvent) => void;
  /** When it aborts, the job ends after the step with a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal;
}
