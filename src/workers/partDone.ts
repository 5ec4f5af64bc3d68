/** Thrown where a worker that is not the first one has done its part: the rest of the job is the first one's. */
export class PartDone extends Error {
  constructor() {
    super("this worker has done its part of the job; the first one ends it");
  }
}
