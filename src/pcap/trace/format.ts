// Where the fields of tracefs' records are, as its `format` and `header_page` files say. Pure; nothing is assumed but their names.

interface Field {
  readonly at: number;
  readonly size: number;
}

/** Offsets within a record of `inet_sock_set_state`. */
export interface StateFormat {
  /** The value that `typeAt` has in these records. */
  readonly id: number;
  readonly typeAt: number;
  readonly tidAt: number;
  readonly socketAt: number;
  readonly oldStateAt: number;
  readonly newStateAt: number;
  readonly sourcePortAt: number;
  readonly destinationPortAt: number;
  readonly familyAt: number;
  readonly protocolAt: number;
  readonly source4At: number;
  readonly destination4At: number;
  readonly source6At: number;
  readonly destination6At: number;
  /** A record has at least so many bytes. */
  readonly bytes: number;
}

/** Offsets within a page of the ring buffer. */
export interface PageFormat {
  readonly timeAt: number;
  readonly commitAt: number;
  readonly dataAt: number;
  readonly pageBytes: number;
}

const RECORD_MAX_BYTES = 4_096;
const PAGE_MAX_BYTES = 1 << 20;
const FIELD = /^\s*field:\s*([^;\n]*?)(\w+)(?:\[\d*\])?;\s*offset:(\d+);\s*size:(\d+);/gm;

function fieldsOf(text: string): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const [, , name, at, size] of text.matchAll(FIELD)) fields.set(name!, { at: Number(at), size: Number(size) });
  return fields;
}

/** The format file of `sock/inet_sock_set_state`; undefined where a field is absent or of another size than what is read here. */
export function parseStateFormat(text: string): StateFormat | undefined {
  const fields = fieldsOf(text);
  let bytes = 0;
  let isKnown = true;
  const at = (name: string, size: number): number => {
    const field = fields.get(name);
    if (field?.size !== size || field.at + size > RECORD_MAX_BYTES) isKnown = false;
    else bytes = Math.max(bytes, field.at + size);
    return field?.at ?? 0;
  };
  const id = Number(/^ID:\s*(\d+)$/m.exec(text)?.[1]);
  const format = {
    id,
    typeAt: at('common_type', 2),
    tidAt: at('common_pid', 4),
    socketAt: at('skaddr', 8),
    oldStateAt: at('oldstate', 4),
    newStateAt: at('newstate', 4),
    sourcePortAt: at('sport', 2),
    destinationPortAt: at('dport', 2),
    familyAt: at('family', 2),
    protocolAt: at('protocol', 2),
    source4At: at('saddr', 4),
    destination4At: at('daddr', 4),
    source6At: at('saddr_v6', 16),
    destination6At: at('daddr_v6', 16),
  };
  return isKnown && id > 0 && id < 1 << 16 ? { ...format, bytes } : undefined;
}

/** tracefs' `events/header_page`; undefined where it isn't what is read here. */
export function parsePageFormat(text: string): PageFormat | undefined {
  const fields = fieldsOf(text);
  const [time, commit, data] = ['timestamp', 'commit', 'data'].map(name => fields.get(name));
  if (time?.size !== 8 || commit === undefined || data === undefined || (commit.size !== 8 && commit.size !== 4))
    return undefined;
  const pageBytes = data.at + data.size;
  if (pageBytes > PAGE_MAX_BYTES || data.at < commit.at + commit.size || data.at < time.at + time.size)
    return undefined;
  return { timeAt: time.at, commitAt: commit.at, dataAt: data.at, pageBytes };
}
