// The server of the live view: on this machine alone, for whoever has its token.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DeepObfError, ResourceError } from "../errors.ts";
import { systemErrorCode, usedUpResource } from "../systemErrors.ts";
import { Guard } from "./guard.ts";
import { folderOf } from "./runList.ts";
import { type Answer, View } from "./view.ts";

/** A running server. */
export interface WatchServer extends AsyncDisposable {
  /** The address that opens the page; it holds the token. */
  readonly url: string;
}

const limits = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
};
const mostConnections = 512;

const everyAnswer = {
  "cache-control": "no-store",
  "content-security-policy": "frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Serves the runs of a folder on 127.0.0.1; port 0 takes any free one. Throws UsageError and ResourceError. */
export async function serveRuns(path: string, port = 0): Promise<WatchServer> {
  const folder = await folderOf(path);
  const view = new View(folder);
  const guard = new Guard();
  const server = createServer(limits, (request, response) => {
    for (const [name, value] of Object.entries(everyAnswer)) response.setHeader(name, value);
    handle(request, response, { view, guard }).catch((error: unknown) => {
      const isKnown = error instanceof DeepObfError;
      const message = isKnown ? error.message : "something went wrong here";
      if (response.headersSent) response.destroy();
      else reply(response, { status: isKnown ? 409 : 500, type: "text/plain", body: message });
    });
  });
  server.maxConnections = mostConnections;
  await listen(server, port);
  const { port: taken } = server.address() as AddressInfo;
  guard.port = taken;
  return {
    url: `http://127.0.0.1:${taken}/?token=${guard.token}`,
    async [Symbol.asyncDispose]() {
      view.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const isTaken = systemErrorCode(cause) === "EADDRINUSE";
      const reason = isTaken ? "it is taken" : (usedUpResource(cause) ?? cause.message);
      reject(new ResourceError(`cannot listen on port ${port}: ${reason}`, { cause }));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { view, guard }: { view: View; guard: Guard },
): Promise<void> {
  request.resume(); // bodies say nothing: what is asked for is in the address
  const refusal = guard.refuse(request);
  if (refusal) {
    response.setHeader("connection", "close");
    return reply(response, { status: refusal.status, type: "text/plain", body: refusal.reason });
  }
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const token = path === "/" ? new URLSearchParams(query).get("token") : null;
  if (token !== null && guard.admit(token, response)) return;
  if (!guard.isKnown(request)) {
    const body = "open the address that deepobf watch printed: it holds the key";
    return reply(response, { status: 401, type: "text/plain", body });
  }
  const answer = await view.answer(request, path, response);
  if (answer) reply(response, answer);
}

function reply(response: ServerResponse, { status = 200, type, body }: Answer): void {
  const kind = typeof body === "string" ? `${type}; charset=utf-8` : type;
  response.writeHead(status, { "content-type": kind }).end(body);
}
