// `help [COMMAND]`.

import { configHelp } from '../config/help.ts';
import type { Command } from './io.ts';

/** Undefined where there is no such topic. */
export function helpText(topic: string | undefined, commands: Readonly<Record<string, Command>>): string | undefined {
  if (topic === 'config') return configHelp();
  if (topic !== undefined) return commands[topic]?.help;
  const width = Math.max(...Object.keys(commands).map(name => name.length));
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `puppy-hids: host intrusion detection for Linux in one executable file

  sudo ./puppy-hids --rules rules.d          alerts as JSON Lines on stdout
  sudo ./puppy-hids --rules rules.d | jq .message

Commands:
${list.join('\n')}
  ${'help'.padEnd(width)}  help [COMMAND], or help config for the configuration file with all defaults
`;
}
