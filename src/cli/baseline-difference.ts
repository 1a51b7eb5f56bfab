// What `baseline diff` shows: a table for people, JSON Lines for programs. Pure.

import { type FileState, HASH_ALGORITHMS } from '../core/event.ts';
import { modeText } from '../core/paths.ts';
import { isoTime } from '../output/ecs/context.ts';
import { type Json, type JsonObject, toJson, visible } from '../output/ecs/json.ts';
import { differences, type FileField } from '../store/baseline-differences.ts';
import { type Column, table, tabSeparated } from './table.ts';

export interface Difference {
  readonly path: string;
  /** The accepted state; absent: nothing was there. */
  readonly before?: FileState;
  readonly after?: FileState;
  readonly fields: readonly FileField[];
}

/** Undefined where there is none. */
export function differenceOf(
  path: string,
  before: FileState | undefined,
  after: FileState | undefined,
): Difference | undefined {
  const fields = before === undefined || after === undefined ? [] : differences(before, after);
  const isNone = before === after || (before !== undefined && after !== undefined && fields.length === 0);
  return isNone ? undefined : { path, ...(before && { before }), ...(after && { after }), fields };
}

const changeOf = ({ before, after }: Difference): string =>
  before === undefined ? 'created' : after === undefined ? 'deleted' : 'changed';

export function jsonLine(difference: Difference): string {
  const { path, before, after, fields } = difference;
  return `${toJson({
    path,
    change: changeOf(difference),
    fields,
    ...(before && { before: stateJson(before) }),
    ...(after && { after: stateJson(after) }),
  })}\n`;
}

/** In the words of ECS, as events have it. */
function stateJson({ type, inode, mode, owner, group, size, mtimeMs, ctimeMs, ...rest }: FileState): JsonObject {
  const { target, capabilities, hashes } = rest;
  const values: Record<string, Json | undefined> = {
    ...{ type, inode, size, target_path: target, capabilities },
    mode: mode === undefined ? undefined : modeText(mode),
    uid: owner === undefined ? undefined : String(owner.id),
    gid: group === undefined ? undefined : String(group.id),
    mtime: mtimeMs === undefined ? undefined : isoTime(mtimeMs),
    ctime: ctimeMs === undefined ? undefined : isoTime(ctimeMs),
    hash: hashes === undefined ? undefined : { ...hashes },
  };
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

interface Row {
  readonly path: string;
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'path', value: row => row.path, least: 30 },
  { name: 'changed', value: row => row.what },
  { name: 'before', value: row => row.before, least: 12 },
  { name: 'after', value: row => row.after, least: 12 },
];

/** A row for each thing that changed; tab-separated where no width is given. */
export function differenceTable(found: readonly Difference[], width: number | undefined): string {
  const rows = found.flatMap(rowsOf);
  return width === undefined ? tabSeparated(COLUMNS, rows) : table(COLUMNS, rows, width);
}

function rowsOf(difference: Difference): Row[] {
  const { before, after, fields } = difference;
  const path = visible(difference.path);
  if (before === undefined || after === undefined)
    return [{ path, what: changeOf(difference), before: summary(before), after: summary(after) }];
  return fields.map(what => ({ path, what, before: fieldText(what, before), after: fieldText(what, after) }));
}

function summary(state: FileState | undefined): string {
  if (state === undefined) return '';
  const { type, mode, owner, group, size, target, capabilities } = state;
  const words = [
    ...[type, mode !== undefined && modeText(mode), owner && group && `${owner.id}:${group.id}`],
    ...[type === 'file' && size !== undefined && `${size} bytes`, capabilities],
    target !== undefined && `-> ${visible(target)}`,
  ];
  return words.filter(Boolean).join(' ');
}

function fieldText(field: FileField, state: FileState): string {
  switch (field) {
    case 'content':
      return contentText(state);
    case 'mode':
      return state.mode === undefined ? '' : modeText(state.mode);
    case 'owner':
    case 'group':
      return String(state[field]?.id ?? '');
    case 'mtime':
      return timeText(state.mtimeMs);
    case 'ctime':
      return timeText(state.ctimeMs);
    case 'capabilities':
      return state.capabilities ?? 'none';
    case 'target':
      return visible(state.target ?? '');
    case 'type':
    case 'size':
    case 'inode':
      return String(state[field] ?? '');
  }
}

const timeText = (ms: number | undefined): string => (ms === undefined ? '' : (isoTime(ms) ?? ''));

/** A hash may be cut by the table; which one it is can't. */
function contentText({ hashes }: FileState): string {
  const algorithm = HASH_ALGORITHMS.find(name => hashes?.[name] !== undefined);
  return algorithm === undefined ? '' : `${algorithm}:${hashes?.[algorithm] ?? ''}`;
}
