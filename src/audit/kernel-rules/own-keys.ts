// The keys of our own kernel rules, which say what a rule is for. Events are recognised by their content; two keys say what no record
// does.

import { KEY_SEPARATOR } from '../tables/rule-fields.ts';

export const KEY_PREFIX = 'puppy';

/** Of events that only say who wrote: they are no events of their own. */
export const WHO = 'who';
const WHO_KEY = `${KEY_PREFIX}-${WHO}`;

const PATH_PREFIX = `${KEY_PREFIX}-path:`;

/** The key of a file's watch, as rules name the file: whoever opens it may call it by another name. */
export const pathKey = (path: string): string => PATH_PREFIX + path;

/** The paths of the watches that an event's keys name. */
export const keyPaths = (keys: string): readonly string[] =>
  keys.includes(PATH_PREFIX)
    ? keys
        .split(KEY_SEPARATOR)
        .filter(key => key.startsWith(PATH_PREFIX))
        .map(key => key.slice(PATH_PREFIX.length))
    : [];

export const isWhoKey = (keys: string): boolean => keys === WHO_KEY;
