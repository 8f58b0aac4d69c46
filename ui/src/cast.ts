// A recording of a terminal as asciicast, version 2: a line of JSON for the whole, and one for each thing that happened.

/** Characters that are kept of one recording. */
export const LONGEST = 16 * 1024 * 1024;

export class Cast {
  private readonly lines: string[];
  private readonly decoder = new TextDecoder();
  private length = 0;
  /** Whether as much was recorded as there is room for. */
  full = false;

  /** Times are in seconds; `began` is of the Unix epoch. */
  constructor(
    columns: number,
    rows: number,
    private readonly began: number,
  ) {
    this.lines = [
      JSON.stringify({ version: 2, width: columns, height: rows, timestamp: Math.floor(began), env: { TERM: "xterm-256color" } }),
    ];
  }

  /** What the terminal said. A letter may be cut in two by the pieces it comes in. */
  said(data: Uint8Array<ArrayBuffer>, now: number): void {
    const text = this.decoder.decode(data, { stream: true });
    if (text) this.add(now, "o", text);
  }

  resized(columns: number, rows: number, now: number): void {
    this.add(now, "r", `${columns}x${rows}`);
  }

  get text(): string {
    return `${this.lines.join("\n")}\n`;
  }

  private add(now: number, kind: "o" | "r", text: string): void {
    this.full ||= this.length + text.length > LONGEST;
    if (this.full) return;
    this.length += text.length;
    this.lines.push(JSON.stringify([Number(Math.max(0, now - this.began).toFixed(6)), kind, text]));
  }
}
