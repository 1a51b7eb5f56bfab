// What `rules list` shows of each rule, of the files or of a running agent. Pure.

import { type KernelAsk, type KernelContext, kernelAskOf } from './kernel-needs.ts';
import { type Correlation, isCorrelation, type Logsource, type Rule } from './rules/ast.ts';
import type { Needs } from './rules/needs.ts';
import type { Verdict } from './rules/verdict.ts';
import type { LoadedRuleset } from './rules-loading.ts';

export interface RuleRow {
  readonly id: string;
  readonly title: string;
  readonly level: string;
  readonly type: 'detection' | 'correlation';
  /** `linux/process_creation`; of a correlation its type. */
  readonly logsource: string;
  readonly file: string;
  readonly line: number;
  readonly canFire: boolean;
  /** Why it can't. */
  readonly reason?: string;
  /** As auditctl takes them. */
  readonly kernelRules: readonly string[];
  /** What isn't asked of the kernel, or costs much, and why. */
  readonly notes: readonly string[];
  /** Alerts since the agent's start; of a running agent. */
  readonly fired?: number;
}

/** Detection rules in order of loading, then correlations. */
export function ruleRows(loaded: LoadedRuleset, host: KernelContext, fired?: (id: string) => number): RuleRow[] {
  const { ruleset, correlations, lines } = loaded;
  const verdicts = new Map<Rule | Correlation, CanFire>();
  const ask = rememberedAsks(host);
  const row = (
    rule: Rule | Correlation,
    logsource: string,
    verdict: CanFire,
    { rules: kernelRules, notes }: Pick<KernelAsk, 'rules' | 'notes'>,
  ): RuleRow => {
    const { id, title, level, file } = rule.info;
    const { canFire, reason } = verdict;
    return {
      ...{ id, title, level, type: isCorrelation(rule) ? 'correlation' : 'detection', logsource, file },
      ...{ line: lines.get(id) ?? 0, canFire, ...(reason !== undefined && { reason }), kernelRules, notes },
      ...(fired !== undefined && { fired: fired(id) }),
    };
  };
  const rows = ruleset.rules.map((rule, i) => {
    const verdict = ruleset.verdicts[i]!;
    verdicts.set(rule, verdict);
    return row(rule, logsourceText(rule.logsource), verdict, ask(verdict.needs));
  });
  const more = correlations.map(correlation => {
    const verdict = correlationCan(correlation, verdicts);
    verdicts.set(correlation, verdict);
    // What it needs of the kernel is what the rules that it counts need.
    return row(correlation, correlation.type, verdict, { rules: [], notes: [] });
  });
  return [...rows, ...more];
}

/** Most rules need the same, and what that comes to is looked up on the host. */
function rememberedAsks(host: KernelContext): (needs: Needs) => KernelAsk {
  const asks = new Map<string, KernelAsk>();
  return needs => {
    const key = JSON.stringify(needs);
    const known = asks.get(key) ?? kernelAskOf(needs, host);
    asks.set(key, known);
    return known;
  };
}

type CanFire = Pick<Verdict, 'canFire' | 'reason'>;

/** A correlation of which no rule can fire can't; one that wants all of its rules needs them all. */
function correlationCan(correlation: Correlation, verdicts: ReadonlyMap<Rule | Correlation, CanFire>): CanFire {
  const { type, expression, rules } = correlation;
  const wantsAll = type.startsWith('temporal') && expression === undefined;
  const dead = rules.filter(rule => verdicts.get(rule)?.canFire !== true);
  if (wantsAll ? dead.length === 0 : dead.length < rules.length) return { canFire: true };
  const [first] = dead;
  return { canFire: false, reason: `"${first?.info.title}" can't: ${verdicts.get(first!)?.reason ?? 'not loaded'}` };
}

function logsourceText({ product, category, service }: Logsource): string {
  return [product, category, service].filter(part => part !== undefined).join('/');
}
