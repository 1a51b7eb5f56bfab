// What dpkg installed, by its own files. Lists that changed are read again, the others not (edge: files).

import type { FileHashes, FilePackage, HashAlgorithm } from '../../core/event.ts';
import { safeText, textBytes } from '../../core/text.ts';
import { Slices } from '../slices.ts';
import { type Alias, DigestTable, type Owned } from './digest-table.ts';
import {
  type Diversion,
  type DpkgPackage,
  MD5_LENGTH,
  parseDiversions,
  parseMd5sums,
  parseStatus,
} from './dpkg-parse.ts';
import { findAliases, namesIn, readRegular, stampOf } from './files.ts';
import type { Installed } from './installed.ts';

const SLICE_MS = 5;
const FILES_MAX = 4_000_000;
const PACKAGES_MAX = 50_000;
const STATUS_MAX_BYTES = 128 * 1024 * 1024;
const LIST_MAX_BYTES = 32 * 1024 * 1024;
const DIVERSIONS_MAX_BYTES = 4 * 1024 * 1024;
const LIST = '.md5sums';

/** A package's list as it was read. */
interface List {
  readonly stamp: string;
  readonly owner: number;
}

export class Dpkg implements Installed {
  readonly manager = 'dpkg';
  private readonly database: string;
  private readonly aliases: readonly Alias[];
  /** The owners are the packages' names as their lists have them: `libc6:amd64`. */
  private table: DigestTable<string>;
  /** Their owners in the table once more, for what only the status has. */
  private conffileOwners: number[] = [];
  private readonly lists = new Map<string, List>();
  private packages = new Map<string, Pick<DpkgPackage, 'name' | 'version'>>();
  private diversions: readonly Diversion[] = [];
  private stamps: Readonly<Record<string, string | undefined>> = {};
  private unread = 0;

  constructor(root: string) {
    this.database = `${root}/var/lib/dpkg`;
    this.aliases = findAliases(root);
    this.table = new DigestTable(this.aliases, FILES_MAX);
  }

  get isThere(): boolean {
    return stampOf(`${this.database}/status`) !== undefined;
  }

  get isCurrent(): boolean {
    const { status, info, diversions } = this.stampsNow();
    return this.stamps.status === status && this.stamps.info === info && this.stamps.diversions === diversions;
  }

  counters(): { packages: number; files: number; refused: number } {
    return {
      packages: this.lists.size,
      files: this.table.files,
      refused: this.table.refused + this.unread,
    };
  }

  async load(): Promise<string | undefined> {
    // Taken before anything is read: what changes meanwhile is read again.
    const stamps = this.stampsNow();
    const slices = new Slices(SLICE_MS);
    this.unread = 0;
    if (this.table.isStale) {
      this.table = new DigestTable(this.aliases, FILES_MAX);
      this.lists.clear();
      this.conffileOwners = [];
      this.stamps = {};
    }
    if (stamps.status !== this.stamps.status) await this.loadStatus(slices);
    if (stamps.diversions !== this.stamps.diversions) {
      const content = readRegular(`${this.database}/diversions`, DIVERSIONS_MAX_BYTES);
      this.diversions = (content === undefined ? [] : parseDiversions(safeText(content))).map(({ from, to, by }) => ({
        from: this.real(from),
        to: this.real(to),
        by,
      }));
    }
    if (stamps.info !== this.stamps.info) await this.loadLists(slices);
    this.stamps = stamps;
    return this.counters().refused > 0
      ? `${this.database} holds more than the agent reads, or what it can't read: whether some files are intact stays unknown`
      : undefined;
  }

  digestFor(path: string): HashAlgorithm | undefined {
    return this.owned(path).length > 0 ? 'md5' : undefined;
  }

  of(path: string, hashes: FileHashes | undefined): FilePackage | undefined {
    const all = this.owned(path);
    const intact = hashes === undefined ? undefined : all.find(one => one.matches(hashes));
    const one = intact ?? all[0];
    if (one === undefined) return undefined;
    const { name = one.owner.replace(/:.*/, ''), version } = this.packages.get(one.owner) ?? {};
    const state = intact === undefined ? 'changed' : 'intact';
    return { manager: 'dpkg', name, ...(version === undefined ? {} : { version }), state };
  }

  stop(): void {
    // Nothing of it outlives a call.
  }

  private owned(path: string): Owned<string>[] {
    if (this.diversions.length === 0) return this.at(path);
    const real = this.real(path);
    for (const { from, to, by } of this.diversions) {
      if (real === to) return this.at(from).filter(({ owner }) => owner.replace(/:.*/, '') !== by);
      if (real === from) return this.at(from).filter(({ owner }) => owner.replace(/:.*/, '') === by);
    }
    return this.at(path);
  }

  /** As the table takes it too. */
  private real(path: string): string {
    for (const { from, to } of this.aliases)
      if (path.startsWith(`/${from}`)) return `/${to}${path.slice(1 + from.length)}`;
    return path;
  }

  private at(path: string): Owned<string>[] {
    return this.table.find(textBytes(path).subarray(1));
  }

  private async loadStatus(slices: Slices): Promise<void> {
    const content = readRegular(`${this.database}/status`, STATUS_MAX_BYTES);
    if (content === undefined) {
      this.unread++;
      return;
    }
    await slices.pause();
    const packages = new Map<string, Pick<DpkgPackage, 'name' | 'version'>>();
    for (const owner of this.conffileOwners) this.table.removeOwner(owner);
    this.conffileOwners = [];
    for (const [list, { conffiles, ...one }] of parseStatus(content)) {
      if (packages.size === PACKAGES_MAX) break;
      packages.set(list, one);
      if (conffiles.length === 0) continue;
      const owner = this.table.addOwner(list);
      this.conffileOwners.push(owner);
      for (const { path, md5 } of conffiles) {
        const bytes = textBytes(path);
        this.table.add(owner, bytes, 1, bytes.length, Buffer.from(md5), 0, MD5_LENGTH);
      }
      await slices.pause();
    }
    this.packages = packages;
  }

  private async loadLists(slices: Slices): Promise<void> {
    const there = new Set<string>();
    for (const file of namesIn(`${this.database}/info`)) {
      if (!file.endsWith(LIST)) continue;
      if (there.size === PACKAGES_MAX) {
        this.unread++;
        continue;
      }
      const name = file.slice(0, -LIST.length);
      there.add(name);
      await this.loadList(name, `${this.database}/info/${file}`, slices);
      await slices.pause();
    }
    for (const [name, { owner }] of this.lists) {
      if (there.has(name)) continue;
      this.table.removeOwner(owner);
      this.lists.delete(name);
    }
  }

  private async loadList(name: string, path: string, slices: Slices): Promise<void> {
    const stamp = stampOf(path);
    const known = this.lists.get(name);
    if (stamp === undefined || stamp === known?.stamp) return;
    if (known !== undefined) this.table.removeOwner(known.owner);
    this.lists.delete(name);
    const content = readRegular(path, LIST_MAX_BYTES);
    if (content === undefined) {
      this.unread++;
      return;
    }
    const owner = this.table.addOwner(name);
    this.lists.set(name, { stamp, owner });
    for (const { digest, start, end } of parseMd5sums(content)) {
      this.table.add(owner, content, start, end, content, digest, MD5_LENGTH);
      if (slices.isOver) await slices.pause();
    }
  }

  private stampsNow(): Readonly<Record<'status' | 'info' | 'diversions', string | undefined>> {
    const stamp = (name: string): string | undefined => stampOf(`${this.database}/${name}`);
    return { status: stamp('status'), info: stamp('info'), diversions: stamp('diversions') };
  }
}
