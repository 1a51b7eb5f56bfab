// Who fills the audit stream: bytes of records by user and executable in a window. When something is lost, this names the likely cause.

export interface Heaviest {
  readonly uid?: number;
  readonly executable?: string;
  readonly bytes: number;
}

/** Different keys in one window; what comes after shares one place. */
const KEYS_MAX = 1024;

export class HeaviestWriters {
  private readonly bytes = new Map<
    string,
    { uid: number | undefined; executable: string | undefined; bytes: number }
  >();

  add(uid: number | undefined, executable: string | undefined, bytes: number): void {
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
  }

  /** The heaviest of the window that ends here, and begins a new one. */
  take(): Heaviest | undefined {
    let most: { uid: number | undefined; executable: string | undefined; bytes: number } | undefined;
    for (const entry of this.bytes.values()) if (most === undefined || entry.bytes > most.bytes) most = entry;
    this.bytes.clear();
    if (most === undefined) return undefined;
    const { uid, executable, bytes } = most;
    return { bytes, ...(uid !== undefined && { uid }), ...(executable !== undefined && { executable }) };
  }
}
