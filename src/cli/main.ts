// The program: finds the command and runs it.

import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { printable } from '../log.ts';
import { nearestWord } from '../rules/problem.ts';
import { UsageError } from './args.ts';
import { baselineCommand } from './baseline.ts';
import { checkCommand } from './check-command.ts';
import { cleanupCommand } from './cleanup.ts';
import { explainCommand } from './explain.ts';
import { helpText } from './help.ts';
import type { Command, Io } from './io.ts';
import { reloadCommand } from './reload.ts';
import { replayCommand } from './replay.ts';
import { rulesCommand } from './rules-command.ts';
import { runCommand } from './run.ts';
import { schemaCommand } from './schema.ts';
import { statusCommand } from './status.ts';
import { versionCommand } from './version.ts';

const COMMANDS: Readonly<Record<string, Command>> = {
  run: runCommand,
  check: checkCommand,
  replay: replayCommand,
  explain: explainCommand,
  rules: rulesCommand,
  baseline: baselineCommand,
  reload: reloadCommand,
  status: statusCommand,
  cleanup: cleanupCommand,
  schema: schemaCommand,
  version: versionCommand,
};
const NOT_YET = ['doctor', 'completions', 'service'];

async function main(argv: readonly string[], io: Io): Promise<number> {
  const first = argv[0];
  if (first === 'help' || first === '--help' || first === '-h') return help(argv.slice(1), io);
  if (first === '--version' || first === '-V') return await COMMANDS.version!.run([], io);
  const named = first !== undefined && !first.startsWith('-');
  const name = named ? first : 'run';
  const command = COMMANDS[name];
  if (command === undefined) {
    if (NOT_YET.includes(name)) throw new UsageError(`the command ${name} is not available in this version`);
    const nearest = nearestWord(name, Object.keys(COMMANDS));
    throw new UsageError(`no command "${name}"${nearest === undefined ? '' : `; did you mean ${nearest}?`}`);
  }
  const rest = named ? argv.slice(1) : argv;
  if (rest.includes('--help') || rest.includes('-h')) return help([name], io);
  return await command.run(rest, io);
}

function help(topics: readonly string[], io: Io): number {
  const text = helpText(topics[0], COMMANDS);
  if (text === undefined) throw new UsageError(`no help on "${topics[0]}"`);
  io.out(text);
  return 0;
}

/** What a stalled reader of our log may make us hold. */
const ERR_MAX_BYTES = 256 * 1024;

/** All of the text, also into a pipe that is read slowly; a reader that went away is no failure of a command that prints. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      Bun.sleepSync(5);
    }
  }
}

const io: Io = {
  env: process.env,
  out: text => writeAll(1, text),
  err: text => {
    if (process.stderr.writableLength < ERR_MAX_BYTES) process.stderr.write(text);
  },
  errIsTerminal: process.stderr.isTTY === true,
  // Asked for only on a terminal: a pipe stays as it is.
  get outColumns() {
    return isatty(1) ? process.stdout.columns || 80 : undefined;
  },
};
// Who reads our log may go away; that is no reason to end.
process.stderr.on('error', () => undefined);

/** What is still on its way to stderr, for a bounded time. */
async function drainErr(): Promise<void> {
  const end = performance.now() + 1_000;
  while (process.stderr.writableLength > 0 && performance.now() < end) await Bun.sleep(5);
}

try {
  process.exitCode = await main(process.argv.slice(2), io);
} catch (error) {
  if (error instanceof UsageError) {
    io.err(`puppy-hids: ${printable(error.message)}\nSee "puppy-hids help".\n`);
    process.exitCode = 2;
  } else {
    io.err(`puppy-hids: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
}
await drainErr();
process.exit();
