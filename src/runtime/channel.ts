// Typed messages with binary payloads over Node's IPC channel. Payloads travel ahead of their message
// in pieces, so that a model or batch of any size passes without one huge message.

import type { ChildProcess } from "node:child_process";

const pieceBytes = 16 * 1024 * 1024;

type Packet<Body> =
  | { readonly piece: Uint8Array }
  | { readonly body: Body; readonly sizes: readonly number[] };

/** One end of the channel between a process and its child. */
export class Channel<Outgoing, Incoming> {
  readonly #port: ChildProcess | NodeJS.Process;
  #pieces: Uint8Array[] = [];

  /** `receive` gets every message with its payloads. A payload may be unaligned. */
  constructor(
    port: ChildProcess | NodeJS.Process,
    receive: (body: Incoming, payloads: Uint8Array[]) => void,
  ) {
    this.#port = port;
    const onMessage = (packet: Packet<Incoming>) => {
      if ("piece" in packet) {
        this.#pieces.push(packet.piece);
        return;
      }
      const payloads = packet.sizes.map((size) => join(this.#pieces, size));
      receive(packet.body, payloads);
    };
    (port as NodeJS.EventEmitter).on("message", onMessage);
  }

  /** Sends one message; resolves once the channel has taken it, rejects when it is closed. */
  async send(body: Outgoing, payloads: readonly Uint8Array[] = []): Promise<void> {
    for (const payload of payloads) {
      for (let start = 0; start < payload.length; start += pieceBytes) {
        await this.#post({ piece: payload.subarray(start, start + pieceBytes) });
      }
    }
    await this.#post({ body, sizes: payloads.map((payload) => payload.length) });
  }

  #post(packet: Packet<Outgoing>): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null) => (error ? reject(error) : resolve());
      if (this.#port.send === undefined) done(new Error("the channel is closed"));
      else this.#port.send(packet, undefined, {}, done);
    });
  }
}

/** Takes `size` bytes off the front of `pieces`; copies only where a payload came in several. */
function join(pieces: Uint8Array[], size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0);
  if (pieces[0]?.length === size) return pieces.shift()!;
  const whole = new Uint8Array(size);
  for (let filled = 0; filled < size; ) {
    const piece = pieces.shift()!;
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}
