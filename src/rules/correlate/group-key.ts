// The texts that groups and values are told apart by: unambiguous, and short however long the values are. Pure.

/** An event with several values in group fields belongs to several groups, but not to more than these. */
export const COMBINATIONS_MAX = 16;
const KEY_MAX_CHARS = 128;

export function keyOf(values: readonly string[]): string {
  let key = '';
  for (const value of values) key += `${value.length}:${value}`;
  return key.length <= KEY_MAX_CHARS ? key : `#${Bun.CryptoHasher.hash('sha256', key, 'base64')}`;
}

/**
 * Each way to take one value of each list, different ones only, at most {@link COMBINATIONS_MAX};
 * none where a list is empty.
 */
export function combinations(lists: readonly (readonly string[])[]): readonly (readonly string[])[] {
  let found: readonly (readonly string[])[] = [[]];
  for (const list of lists) {
    const values = list.length < 2 ? list : [...new Set(list.slice(0, COMBINATIONS_MAX))];
    found = found.flatMap(head => values.map(value => [...head, value])).slice(0, COMBINATIONS_MAX);
  }
  return found;
}
