// Who fills the audit stream: bytes of records by user and executable in a window. When something is lost, this names the likely cause.

export interface Heaviest {
  readonly uid?: number;
  readonly executable?: string;
  readonly bytes: number;
}

/** Different keys in one window; what comes after shares one place. */
const KEYS_MAX = 1024;

interface Writer {
  readonly uid: number | undefined;
  readonly executable: string | undefined;
  bytes: number;
}

export class HeaviestWriters {
  private readonly bytes = new Map<string, Writer>();
  /** The one before: storms are of one writer. */
  private last: Writer | undefined;

  add(uid: number | undefined, executable: string | undefined, bytes: number): void {
    const { last } = this;
    if (last !== undefined && last.uid === uid && last.executable === executable) {
      last.bytes += bytes;
      return;
    }
    let key = `${uid}:${executable}`;
    let entry = this.bytes.get(key);
    if (entry === undefined) {
      const full = this.bytes.size >= KEYS_MAX;
      if (full) key = 'others';
      entry = this.bytes.get(key);
      if (entry === undefined) {
        entry = full ? { uid: undefined, executable: undefined, bytes: 0 } : { uid, executable, bytes: 0 };
        this.bytes.set(key, entry);
      }
    }
    entry.bytes += bytes;
    this.last = entry;
  }

  /** The heaviest of the window that ends here, and begins a new one. */
  take(): Heaviest | undefined {
    let most: Writer | undefined;
    for (const entry of this.bytes.values()) if (most === undefined || entry.bytes > most.bytes) most = entry;
    this.bytes.clear();
    this.last = undefined;
    if (most === undefined) return undefined;
    const { uid, executable, bytes } = most;
    return { bytes, ...(uid !== undefined && { uid }), ...(executable !== undefined && { executable }) };
  }
}
