// A host's root directory with a package database in it, made by hand.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export class Root implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'puppy-packages-'));

  write(name: string, content: string | Buffer, mode = 0o644): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const md5 = (text: string): string => new Bun.CryptoHasher('md5').update(text).digest('hex');
export const sha256 = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex');
