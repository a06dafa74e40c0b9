/** Requests to the server that this page came from, and its errors as errors. */

import { EventReader } from "./events";
import type { Chunk } from "./types";

/** An answer of the server that says what was wrong. */
export class ServerError extends Error {
  constructor(
    message: string,
    /** 0: no answer came at all. */
    readonly status: number,
  ) {
    super(message);
  }
}

export class Client {
  /**
   * @param base Address of the page; the server's endpoints stand beside it.
   * @param key Gives the key for the server, empty when there is none.
   */
  constructor(
    private readonly base: string,
    private readonly key: () => string,
  ) {}

  async get<T>(path: string): Promise<T> {
    return (await (await this.fetch(path, {})).json()) as T;
  }

  async post<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
    return (await (await this.send(path, body, signal)).json()) as T;
  }

  /** Send a request whose answer comes in pieces, and yield them as they come. */
  async *stream(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<Chunk> {
    const answer = await this.send(path, body, signal);
    const events = new EventReader();
    for await (const text of texts(answer)) {
      for (const data of events.push(text)) {
        if (data === "[DONE]") return;
        const chunk = JSON.parse(data) as Chunk;
        if (chunk.error) throw new ServerError(chunk.error.message, answer.status);
        yield chunk;
      }
    }
    throw broken(answer.status);
  }

  private send(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const headers = { "Content-Type": "application/json" };
    return this.fetch(path, { method: "POST", body: JSON.stringify(body), headers, signal });
  }

  private async fetch(path: string, request: RequestInit): Promise<Response> {
    const headers = new Headers(request.headers);
    if (this.key() !== "") headers.set("Authorization", `Bearer ${this.key()}`);
    let answer: Response;
    try {
      answer = await fetch(new URL(path, this.base), { ...request, headers, credentials: "omit" });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ServerError("The server does not answer. Is boldface serve still running?", 0);
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }
}

/** Tell whether an error only says that the request was stopped on purpose. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Yield the text of an answer as it comes. */
async function* texts(answer: Response): AsyncGenerator<string> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      yield decoder.decode(part.value, { stream: true });
    }
  } catch (error) {
    throw isAbort(error) ? error : broken(answer.status);
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

function broken(status: number): ServerError {
  return new ServerError("The answer broke off: the connection was closed before the end.", status);
}

/** Read what the server says about a request that it refuses. */
async function refusal(answer: Response): Promise<ServerError> {
  const said: unknown = await answer.json().catch(() => null);
  const message: unknown = (said as { error?: { message?: unknown } } | null)?.error?.message;
  return new ServerError(
    typeof message === "string" ? message : `The server answered ${answer.status}.`,
    answer.status,
  );
}
