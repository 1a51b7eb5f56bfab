// What a reload takes over of a configuration that changed, and what needs a restart. Pure.

import { type Config, configFrom } from './config/config.ts';
import type { Settings } from './config/load.ts';
import { type Leaf, leaves } from './config/schema.ts';
import type { OutputSpec } from './output/spec.ts';

export interface Configuration {
  readonly config: Config;
  readonly settings: Settings;
}

export interface TakenOver {
  readonly configuration: Configuration;
  /** Names of the settings that changed and hold from now on. */
  readonly taken: readonly string[];
  /** Names of those that changed and hold after a restart. */
  readonly restart: readonly string[];
}

const LEAVES: readonly Leaf[] = leaves();
const OUTPUTS = 'outputs';

export function takeOver(running: Configuration, next: Configuration): TakenOver {
  const taken: string[] = [];
  const restart: string[] = [];
  let { settings } = running;
  let { outputs } = running.config;
  for (const { path, node } of LEAVES) {
    const name = path.join('.');
    const value = at(next.settings, path);
    if (Bun.deepEquals(at(running.settings, path) ?? node.default, value ?? node.default)) continue;
    // Outputs that are the same but for their levels.
    const isLive = node['x-live'] === true || (name === OUTPUTS && sameTargets(outputs, next.config.outputs));
    (isLive ? taken : restart).push(name);
    if (!isLive) continue;
    settings = withValue(settings, path, value);
    if (name === OUTPUTS) outputs = next.config.outputs;
  }
  return { configuration: { config: configFrom(settings, outputs), settings }, taken, restart };
}

const withoutLevel = ({ minLevel: _, ...rest }: OutputSpec): unknown => rest;

function sameTargets(a: readonly OutputSpec[], b: readonly OutputSpec[]): boolean {
  return Bun.deepEquals(a.map(withoutLevel), b.map(withoutLevel));
}

function at(tree: Settings, path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const key of path) value = (value as Settings | undefined)?.[key];
  return value;
}

function withValue(tree: Settings, [key, ...rest]: readonly string[], value: unknown): Settings {
  if (rest.length === 0) return { ...tree, [key!]: value };
  return { ...tree, [key!]: withValue((tree[key!] ?? {}) as Settings, rest, value) };
}
