// What dpkg installed, by its own files. Lists that changed are read again, the others not (edge: files).

import type { FileHashes, FilePackage, HashAlgorithm } from '../../core/event.ts';
import { safeText, textBytes } from '../../core/text.ts';
import { type Alias, DigestTable, type Owned } from './digest-table.ts';
import { type Diversion, type DpkgPackage, parseDiversions, parseMd5sums, parseStatus } from './dpkg-parse.ts';
import { findAliases, namesIn, readRegular, stampOf } from './files.ts';
import type { Installed } from './installed.ts';
import { Slices } from './slices.ts';

const FILES_MAX = 4_000_000;
const PACKAGES_MAX = 50_000;
const STATUS_MAX_BYTES = 128 * 1024 * 1024;
const LIST_MAX_BYTES = 32 * 1024 * 1024;
const DIVERSIONS_MAX_BYTES = 4 * 1024 * 1024;
const LIST = '.md5sums';
const MD5_LENGTH = 32;

/** A package's list as it was read. */
interface List {
  readonly stamp: string;
  readonly owner: number;
}

/** The owners are the packages' names as their lists have them: `libc6:amd64`. */
type Table = DigestTable<string>;

export class Dpkg implements Installed {
  readonly manager = 'dpkg';
  private readonly database: string;
  private readonly aliases: readonly Alias[];
  private files: Table;
  private conffiles: Table;
  private readonly lists = new Map<string, List>();
  private packages = new Map<string, DpkgPackage>();
  private diversions: readonly Diversion[] = [];
  private stamps: Readonly<Record<string, string | undefined>> = {};
  private unread = 0;

  constructor(root: string) {
    this.database = `${root}/var/lib/dpkg`;
    this.aliases = findAliases(root);
    this.files = this.emptyTable();
    this.conffiles = this.emptyTable();
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
      files: this.files.files + this.conffiles.files,
      refused: this.files.refused + this.conffiles.refused + this.unread,
    };
  }

  async load(): Promise<string | undefined> {
    // Taken before anything is read: what changes meanwhile is read again.
    const stamps = this.stampsNow();
    const slices = new Slices();
    this.unread = 0;
    if (stamps.status !== this.stamps.status) await this.loadStatus(slices);
    if (stamps.diversions !== this.stamps.diversions) {
      const content = readRegular(`${this.database}/diversions`, DIVERSIONS_MAX_BYTES);
      this.diversions = content === undefined ? [] : parseDiversions(safeText(content));
    }
    if (stamps.info !== this.stamps.info) await this.loadLists(slices);
    this.stamps = stamps;
    return this.counters().refused > 0
      ? `dpkg's database has ${this.counters().refused} files or lists more, or larger ones, than the agent reads: whether they are intact stays unknown`
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
    for (const { from, to, by } of this.diversions) {
      if (path === to) return this.at(from).filter(({ owner }) => owner.replace(/:.*/, '') !== by);
      if (path === from) return this.at(from).filter(({ owner }) => owner.replace(/:.*/, '') === by);
    }
    return this.at(path);
  }

  private at(path: string): Owned<string>[] {
    const bytes = textBytes(path).subarray(1);
    // A configuration file's digest may stand in both; its package's new version is first in the status.
    const found = this.conffiles.find(bytes);
    return found.length > 0 ? found : this.files.find(bytes);
  }

  private async loadStatus(slices: Slices): Promise<void> {
    const content = readRegular(`${this.database}/status`, STATUS_MAX_BYTES);
    if (content === undefined) {
      this.unread++;
      return;
    }
    await slices.pause();
    const packages = new Map<string, DpkgPackage>();
    const conffiles = this.emptyTable();
    for (const [list, one] of parseStatus(content)) {
      if (packages.size === PACKAGES_MAX) break;
      packages.set(list, one);
      if (one.conffiles.length === 0) continue;
      const owner = conffiles.addOwner(list);
      for (const { path, md5 } of one.conffiles) {
        const bytes = textBytes(path);
        conffiles.add(owner, bytes, 1, bytes.length, Buffer.from(md5), 0, md5.length);
      }
      await slices.pause();
    }
    this.packages = packages;
    this.conffiles = conffiles;
  }

  private async loadLists(slices: Slices): Promise<void> {
    const there = new Set<string>();
    if (this.files.isStale) {
      this.files = this.emptyTable();
      this.lists.clear();
    }
    for (const file of namesIn(`${this.database}/info`)) {
      if (!file.endsWith(LIST)) continue;
      if (there.size === PACKAGES_MAX) {
        this.unread++;
        continue;
      }
      const name = file.slice(0, -LIST.length);
      there.add(name);
      this.loadList(name, `${this.database}/info/${file}`);
      await slices.pause();
    }
    for (const [name, { owner }] of this.lists) {
      if (there.has(name)) continue;
      this.files.removeOwner(owner);
      this.lists.delete(name);
    }
  }

  private loadList(name: string, path: string): void {
    const stamp = stampOf(path);
    const known = this.lists.get(name);
    if (stamp === undefined || stamp === known?.stamp) return;
    if (known !== undefined) this.files.removeOwner(known.owner);
    const owner = this.files.addOwner(name);
    this.lists.set(name, { stamp, owner });
    const content = readRegular(path, LIST_MAX_BYTES);
    if (content === undefined) this.unread++;
    else
      parseMd5sums(content, (digest, start, end) =>
        this.files.add(owner, content, start, end, content, digest, MD5_LENGTH),
      );
  }

  private stampsNow(): Readonly<Record<'status' | 'info' | 'diversions', string | undefined>> {
    const stamp = (name: string): string | undefined => stampOf(`${this.database}/${name}`);
    return { status: stamp('status'), info: stamp('info'), diversions: stamp('diversions') };
  }

  private emptyTable(): Table {
    return new DigestTable(this.aliases, FILES_MAX);
  }
}
