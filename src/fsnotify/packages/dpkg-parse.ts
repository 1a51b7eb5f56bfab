// dpkg's own files, as text and bytes: its status, its lists of digests, its diversions. What isn't well-formed is passed over. Pure.

import { safeText } from '../../core/text.ts';

export interface DpkgPackage {
  readonly name: string;
  readonly version?: string;
  readonly conffiles: readonly Conffile[];
}

interface Conffile {
  readonly path: string;
  readonly md5: string;
}

/** A file that others ship at `from` lies at `to`; only what `by` ships is at `from` (`:` for the administrator: nobody's). */
export interface Diversion {
  readonly from: string;
  readonly to: string;
  readonly by: string;
}

/** The paragraphs of the status file, under the names by which their lists are called: `name`, or `name:arch`. */
export function* parseStatus(bytes: Buffer): Generator<readonly [string, DpkgPackage]> {
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.indexOf('\n\n', at);
    if (end < 0) end = bytes.length;
    const one = packageOf(fieldsOf(safeText(bytes, at, end)));
    if (one !== undefined) yield one;
    at = end + 2;
  }
}

function packageOf(fields: ReadonlyMap<string, string>): readonly [string, DpkgPackage] | undefined {
  const name = fields.get('package');
  if (name === undefined || !/^[a-z0-9][a-z0-9+.-]*$/i.test(name)) return undefined;
  if (/ not-installed$/.test(fields.get('status') ?? '')) return undefined;
  const version = fields.get('version');
  const conffiles = conffilesOf(fields.get('conffiles') ?? '');
  const arch = fields.get('architecture');
  return [
    fields.get('multi-arch') === 'same' && arch !== undefined ? `${name}:${arch}` : name,
    { name, conffiles, ...(version === undefined ? {} : { version }) },
  ];
}

function fieldsOf(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of paragraph.split('\n')) {
    if (line.startsWith(' ')) {
      // Descriptions are long and many, and say nothing here.
      if (last === 'conffiles') fields.set(last, `${fields.get(last)}\n${line}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    last = line.slice(0, colon).toLowerCase();
    fields.set(last, line.slice(colon + 1).trim());
  }
  return fields;
}

function conffilesOf(text: string): Conffile[] {
  const found: Conffile[] = [];
  for (const line of text.split('\n')) {
    // ` /etc/x md5`, with `obsolete` or `remove-on-upgrade` behind; `newconffile` in place of the digest while it's being installed.
    const match = /^ (\/.*) ([0-9a-f]{32})( obsolete)?$/.exec(line);
    if (match !== null) found.push({ path: match[1]!, md5: match[2]! });
  }
  return found;
}

/** Three lines each. */
export function parseDiversions(text: string): Diversion[] {
  const lines = text.split('\n');
  const found: Diversion[] = [];
  for (let i = 0; i + 2 < lines.length; i += 3) {
    const [from, to, by] = [lines[i]!, lines[i + 1]!, lines[i + 2]!];
    if (from.startsWith('/') && to.startsWith('/') && by !== '') found.push({ from, to, by });
  }
  return found;
}

export const MD5_LENGTH = 32;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const SLASH = 0x2f;

/** A line of a list: where its digest begins, and where its path does (without a first slash) and ends. */
interface DigestLine {
  readonly digest: number;
  readonly start: number;
  readonly end: number;
}

/** deb-md5sums(5): `digest  path`. */
export function* parseMd5sums(bytes: Buffer): Generator<DigestLine> {
  for (let digest = 0; digest < bytes.length; ) {
    let end = bytes.indexOf(NEWLINE, digest);
    if (end < 0) end = bytes.length;
    let start = digest + MD5_LENGTH + 2;
    if (start < end && bytes[start - 2] === SPACE && bytes[start - 1] === SPACE) {
      if (bytes[start] === SLASH) start++;
      yield { digest, start, end };
    }
    digest = end + 1;
  }
}
