// Where php-fpm's pools live: chroot, else chdir. Pure. https://www.php.net/manual/en/install.fpm.configuration.php

import { type ConfigReader, normalize, resolveIn } from './reader.ts';

const MAIN = [
  '/etc/php/*/fpm/php-fpm.conf',
  '/etc/php-fpm.conf',
  '/etc/php*/php-fpm.conf',
  '/usr/local/etc/php-fpm.conf',
];
/** What relative names are relative to, unless the command line says otherwise. */
const PREFIX = '/usr';

export function phpRoots(config: ConfigReader): string[] {
  const roots: string[] = [];
  const read = (text: string): void => {
    let pool = '';
    let values = new Map<string, string>();
    const end = (): void => {
      const root = (values.get('chroot') ?? values.get('chdir'))?.replaceAll('$pool', pool);
      // Many pools stand at /, which says nothing of where their files are.
      if (root?.startsWith('/') === true && normalize(root) !== '/') roots.push(normalize(root));
      values = new Map();
    };
    for (const line of text.split('\n')) {
      const section = /^\s*\[([^\]]+)\]/.exec(line);
      if (section !== null) {
        end();
        pool = section[1]!;
        continue;
      }
      const setting = /^\s*(include|chroot|chdir)\s*=\s*(?:"([^"]*)"|([^\s;]*))/.exec(line);
      if (setting === null) continue;
      const value = setting[2] ?? setting[3]!;
      if (setting[1] === 'include') config.include(resolveIn(PREFIX, value), read);
      else if (value !== '') values.set(setting[1]!, value);
    }
    end();
  };
  for (const main of MAIN) config.include(main, read);
  return roots;
}
