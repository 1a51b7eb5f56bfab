// `version`.

import { VERSION } from '../version.ts';
import { readArguments, UsageError } from './args.ts';
import type { Command } from './io.ts';

export const versionCommand: Command = {
  summary: 'print the version',
  help: 'puppy-hids version\n\nPrints the version, the architecture and the runtime.\n',
  run: (argv, io) => {
    const { operands } = readArguments(argv, {}, []);
    if (operands.length > 0) throw new UsageError(`unexpected "${operands[0]}"`);
    io.out(`puppy-hids ${VERSION} linux-${process.arch} (Bun ${Bun.version})\n`);
    return 0;
  },
};
