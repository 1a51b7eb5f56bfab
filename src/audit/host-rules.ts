// What the host's own kernel rules mean for the agent (pure).

import { formatRule } from './kernel-rules/format.ts';
import type { Rule } from './kernel-rules/rule.ts';
import { ARCH } from './tables/arches.ts';
import { recordTypeName } from './tables/record-types.ts';

export interface HostRules {
  /** As `auditctl -l` prints them. */
  readonly texts: readonly string[];
  /** Record types that `exclude` rules keep back, whatever else they ask. */
  readonly excludedTypes: readonly number[];
  readonly excludedNames: readonly string[];
}

export function describeHostRules(rules: readonly Rule[], architecture: string): HostRules {
  const arch = architecture === 'aarch64' ? ARCH.aarch64 : ARCH.x86_64;
  const excludedTypes = rules
    .filter(rule => rule.list === 'exclude' && rule.action === 'always')
    .flatMap(rule => rule.fields)
    .flatMap(f => (f.field === 'msgtype' && f.op === '=' && typeof f.value === 'number' ? [f.value] : []));
  return {
    texts: rules.map(rule => formatRule(rule, { arch, isDirectory: () => false })),
    excludedTypes,
    excludedNames: excludedTypes.map(recordTypeName),
  };
}
