// System calls that rules name, as few kernel rules: one for all calls of the same conditions and keys. Pure.

/** System calls of which a rule wants the events that meet all conditions. */
export interface CallNeed {
  /** By their names; an architecture that has none of them gets no rule. */
  readonly names: readonly string[];
  /** As `-F` takes them: `a0=0x26`, `success=1`. */
  readonly conditions: readonly string[];
  /** Keys that the rule expects in the events. */
  readonly keys: readonly string[];
}

/** The same needs with every call of the same conditions and keys in one; a call that is asked for whole isn't asked for in part. */
export function groupCalls(needs: readonly CallNeed[]): CallNeed[] {
  // Only the first kernel rule that matches gives its key: keys of the same events go into one rule.
  const byEvents = new Map<string, { name: string; conditions: readonly string[]; keys: Set<string> }>();
  for (const { names, conditions, keys } of needs) {
    for (const name of names) {
      const id = [name, ...conditions].join(' ');
      const known = byEvents.get(id) ?? { name, conditions, keys: new Set() };
      for (const key of keys) known.keys.add(key);
      byEvents.set(id, known);
    }
  }
  const groups = new Map<string, { names: string[]; conditions: readonly string[]; keys: readonly string[] }>();
  for (const { name, conditions, keys } of byEvents.values()) {
    const isPart = keys.size === 0 && conditions.length > 0 && byEvents.has(name);
    if (isPart) continue;
    const sorted = [...keys].sort();
    const id = JSON.stringify([conditions, sorted]);
    const group = groups.get(id) ?? { names: [], conditions, keys: sorted };
    group.names.push(name);
    groups.set(id, group);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => ({ ...group, names: group.names.sort() }));
}
