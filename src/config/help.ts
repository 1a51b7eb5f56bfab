// `puppy-hids help config`: every key with its meaning and default, as a YAML file that could be used as it is. Pure.

import { stringify } from 'yaml';
import { variableName } from './env.ts';
import { CONFIG_SCHEMA, type SchemaNode } from './schema.ts';

function notes(node: SchemaNode, path: readonly string[]): string {
  const also = [variableName(path), node['x-flag']].filter(name => name !== undefined);
  const choice = node.enum === undefined ? '' : ` (${node.enum.join(', ')})`;
  return `${node.description ?? ''}${choice}  [${also.join(', ')}]${node['x-live'] === true ? ' *' : ''}`;
}

function write(node: SchemaNode, path: readonly string[], lines: string[]): void {
  const indent = '  '.repeat(path.length);
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (child['x-later'] === true) continue;
    const here = [...path, key];
    if (child.properties !== undefined) {
      lines.push(`${indent}# ${child.description ?? ''}`, `${indent}${key}:`);
      const before = lines.length;
      write(child, here, lines);
      // A group none of whose keys has a default would be null.
      if (lines.slice(before).every(line => line.trimStart().startsWith('#')))
        lines[before - 1] = `${indent}${key}: {}`;
    } else {
      lines.push(`${indent}# ${notes(child, here)}`);
      const text =
        child.default === undefined
          ? undefined
          : stringify(child.default, { collectionStyle: 'flow', lineWidth: 0 }).trim();
      lines.push(text === undefined ? `${indent}# ${key}:` : `${indent}${key}: ${text}`);
    }
    if (path.length === 0) lines.push('');
  }
}

export function configHelp(): string {
  const lines = [
    '# puppy-hids configuration: --config FILE, else /etc/puppy-hids/puppy-hids.yaml. All keys with their defaults.',
    '# In brackets: the environment variable that beats the file, and the flag that beats both.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the configuration's own syntax
    '# Any text may hold ${file:/path} or ${env:NAME}. Sizes: 64KiB, 20MiB. Durations: 60s, 1m, 7d.',
    '# Relative paths start at the folder of the file. SIGHUP and "puppy-hids reload" take over what is marked *, and min_level of outputs.',
    '',
  ];
  write(CONFIG_SCHEMA, [], lines);
  const later = Object.entries(CONFIG_SCHEMA.properties ?? {}).filter(([, node]) => node['x-later'] === true);
  lines.push(`# Not available in this version: ${later.map(([key]) => key).join(', ')}.`);
  return `${lines.join('\n')}\n`;
}
