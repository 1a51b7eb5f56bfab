// The configurations as they are on this host (edge: files). Links are followed: enabled sites are links.

import { readdirSync } from 'node:fs';
import { safeText, textBytes } from '../../core/text.ts';
import { readRegular } from '../packages/files.ts';
import type { ConfigFiles } from './reader.ts';

const FILE_MAX_BYTES = 1024 * 1024;
const NAMES_MAX = 10_000;

export const hostConfigFiles: ConfigFiles = {
  read(path) {
    const content = readRegular(textBytes(path), FILE_MAX_BYTES);
    return content === undefined ? undefined : safeText(content);
  },
  list(path) {
    try {
      return readdirSync(textBytes(path), { encoding: 'buffer' })
        .slice(0, NAMES_MAX)
        .map(name => safeText(name));
    } catch {
      return undefined;
    }
  },
};
