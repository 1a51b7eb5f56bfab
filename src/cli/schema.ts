// `schema`: JSON Schemas of what the agent reads and writes.

import { configSchema } from '../config/schema.ts';
import { eventsSchema } from '../output/ecs/schema.ts';
import { readArguments, UsageError } from './args.ts';
import type { Command } from './io.ts';

const SCHEMAS: Readonly<Record<string, () => object>> = { events: eventsSchema, config: configSchema };

export const schemaCommand: Command = {
  summary: 'print a JSON Schema',
  help: `puppy-hids schema ${Object.keys(SCHEMAS).join('|')}\n\nPrints the JSON Schema of the agent's lines, or of its configuration.\n`,
  run: (argv, io) => {
    const { operands } = readArguments(argv, {}, []);
    const schema = SCHEMAS[operands[0] ?? ''];
    if (schema === undefined || operands.length > 1)
      throw new UsageError(`schema of what? One of ${Object.keys(SCHEMAS).join(', ')}`);
    io.out(`${JSON.stringify(schema(), null, 2)}\n`);
    return 0;
  },
};
