// Calls of the HTTP API. No right is judged here: the server refuses, in its own words.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string,
    readonly remedy: string,
  ) {
    super(message);
  }

  /** All of it in one line: what happened, and what to do. */
  get words(): string {
    return this.remedy ? `${this.message}; ${this.remedy}` : this.message;
  }
}

export const UNREACHABLE = "the server cannot be reached";

interface Refusal {
  message?: string;
  Code?: string;
  Detail?: string;
  Remedy?: string;
}

/** Called when the server asks who is calling. */
export const onUnauthenticated: { call: () => void } = { call: () => undefined };

export async function call(
  method: "GET" | "POST",
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new ApiError(0, UNREACHABLE, "unreachable", "it is tried again by itself");
  }
  if (answer.ok) return answer;
  const told = (await answer.json().catch(() => ({}))) as Refusal;
  if (answer.status === 401 && path !== "session") onUnauthenticated.call();
  const detail = told.Detail ? `: ${told.Detail}` : "";
  throw new ApiError(
    answer.status,
    (told.message ?? `the server answered ${answer.status}`) + detail,
    told.Code ?? "",
    told.Remedy ?? "",
  );
}

export async function get<T>(path: string): Promise<T> {
  return (await (await call("GET", path)).json()) as T;
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  const answer = await call("POST", path, body);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export function wordsOf(error: unknown): string {
  return error instanceof ApiError ? error.words : String(error);
}
