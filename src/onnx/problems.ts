// Messages about a model: names in them are escaped and shortened, and all complaints come in one error.
import { ModelError } from "../errors.ts";
import { escapeInvisible, shorten } from "../text.ts";

const shownProblems = 10;

/** A text from a file, what is not visible as `\u{..}`; the middle of a long one is left out. */
export function escapeText(text: string): string {
  return escapeInvisible(shorten(text));
}

/** A name from a file, escaped and in quotes. */
export function quote(name: string): string {
  return `"${escapeText(name)}"`;
}

/** The model asks for more than `limits` allow; nothing else is looked at after that. */
export class LimitError extends ModelError {}

/** Gathers complaints, to be thrown as one error. */
export class Problems {
  #shown: string[] = [];
  #count = 0;

  add(problem: string): void {
    this.#count++;
    if (this.#shown.length < shownProblems) this.#shown.push(problem);
  }

  /** Runs a step; a ModelError that it throws becomes a complaint, unless it is a LimitError. */
  attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof ModelError) || error instanceof LimitError) throw error;
      this.add(error.message);
    }
  }

  /** Throws a ModelError with all complaints, if there are any. */
  throwIfAny(): void {
    if (this.#count === 0) return;
    if (this.#count === 1) throw new ModelError(this.#shown[0]!);
    const more = this.#count - this.#shown.length;
    const lines = more > 0 ? [...this.#shown, `and ${more} more`] : this.#shown;
    throw new ModelError([`${this.#count} problems:`, ...lines].join("\n- "));
  }
}
