// Server-sent events by fetch: EventSource would not tell a refusal from a lost network.

export interface Message {
  event: string;
  data: string;
}

/** Cuts a text of server-sent events into messages; a message may come in any pieces. */
export class Messages {
  private rest = "";

  add(piece: string): Message[] {
    const found: Message[] = [];
    this.rest += piece;
    for (;;) {
      const end = this.rest.indexOf("\n\n");
      if (end < 0) return found;
      const lines = this.rest.slice(0, end).split("\n");
      this.rest = this.rest.slice(end + 2);
      let event = "message";
      const data: string[] = [];
      for (const line of lines) {
        if (line.startsWith("event: ")) event = line.slice(7);
        else if (line.startsWith("data: ")) data.push(line.slice(6));
      }
      if (data.length) found.push({ event, data: data.join("\n") });
      else if (lines.some((line) => line.startsWith(":"))) found.push({ event: "alive", data: "" });
    }
  }
}

/** Seconds without a sign of life after which a stream counts as lost: the server beats every 15. */
export const SILENCE = 40_000;

/** Read a stream until it ends; `alive` tells that it is open. Throws what fetch throws. */
export async function read(
  path: string,
  signal: AbortSignal,
  heard: (messages: Message[]) => void,
): Promise<number> {
  const giveUp = new AbortController();
  const stop = () => giveUp.abort();
  signal.addEventListener("abort", stop);
  let timer = setTimeout(stop, SILENCE);
  try {
    const answer = await fetch(path, { signal: giveUp.signal, credentials: "same-origin" });
    if (!answer.ok || !answer.body) return answer.status;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const messages = new Messages();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return answer.status;
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE);
      const found = messages.add(value);
      if (found.length) heard(found);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
