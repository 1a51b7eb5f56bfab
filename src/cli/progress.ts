// A bar on the terminal for long work; nothing elsewhere.

const WIDTH = 30;
const EVERY_MS = 200;

export class Progress {
  private readonly totalBytes: number;
  private readonly write: ((text: string) => void) | undefined;
  private doneBytes = 0;
  private lastMs = 0;
  private shown = false;

  /** Shows nothing when the terminal or the size isn't there. */
  constructor(totalBytes: number, isTerminal: boolean, write: (text: string) => void) {
    this.totalBytes = totalBytes;
    this.write = isTerminal && totalBytes > 0 ? write : undefined;
  }

  add(bytes: number): void {
    this.doneBytes += bytes;
    const now = performance.now();
    if (this.write === undefined || now - this.lastMs < EVERY_MS) return;
    this.lastMs = now;
    this.shown = true;
    const part = Math.min(1, this.doneBytes / this.totalBytes);
    const full = Math.round(part * WIDTH);
    this.write(`\r[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${Math.floor(part * 100)}%`);
  }

  end(): void {
    if (this.shown) this.write?.(`\r${' '.repeat(WIDTH + 8)}\r`);
  }
}
