/**
 * Thrown where a worker that is not the first one has done its part, once the first one has ended the job: that one alone
 * has its summary.
 */
export class PartDone extends Error {
  constructor() {
    super("this worker has done its part of the job; the first one has its summary");
  }
}
