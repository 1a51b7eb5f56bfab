// Correlation documents to correlations: what each refers to is found, those that refer to each other in a circle are left out. Pure.

import { type Correlation, isCorrelation, nameOf, type Rule } from './ast.ts';
import { renamed } from './condition.ts';
import type { ParsedCorrelation, Word } from './correlation-parse.ts';
import { digestOf } from './document.ts';
import { didYouMean, type Problem, type Range, type Severity } from './problem.ts';
import { isDraft, type References, type Referred } from './references.ts';
import { fieldProblems } from './verdict.ts';

export interface Resolved {
  /** Each behind those that it refers to. */
  readonly correlations: ReadonlyMap<ParsedCorrelation, Correlation>;
  readonly problems: readonly Problem[];
}

/** `ruleOf`: the rule that a document gave in the end. */
export function resolveCorrelations(
  all: readonly ParsedCorrelation[],
  references: References,
  ruleOf: (parsed: Referred) => Rule | undefined,
): Resolved {
  return new Resolver(all, references, ruleOf).resolve();
}

class Resolver {
  readonly #all: readonly ParsedCorrelation[];
  readonly #references: References;
  readonly #ruleOf: (parsed: Referred) => Rule | undefined;
  readonly #problems: Problem[] = [];
  readonly #done = new Map<ParsedCorrelation, Correlation>();
  /** What each refers to, in the order written; none where a reference is wrong. */
  readonly #links = new Map<ParsedCorrelation, readonly Referred[]>();

  constructor(
    all: readonly ParsedCorrelation[],
    references: References,
    ruleOf: (parsed: Referred) => Rule | undefined,
  ) {
    this.#all = all;
    this.#references = references;
    this.#ruleOf = ruleOf;
  }

  resolve(): Resolved {
    for (const parsed of this.#all) this.#links.set(parsed, this.#find(parsed));
    const waitsFor = new Map<ParsedCorrelation, number>();
    const waiting = new Map<ParsedCorrelation, ParsedCorrelation[]>();
    for (const [parsed, targets] of this.#links) {
      const drafts = targets.filter(isDraft);
      waitsFor.set(parsed, drafts.length);
      for (const draft of drafts) {
        const others = waiting.get(draft);
        if (others === undefined) waiting.set(draft, [parsed]);
        else others.push(parsed);
      }
    }
    const ready = this.#all.filter(parsed => waitsFor.get(parsed) === 0);
    for (const parsed of ready) {
      const correlation = this.#build(parsed);
      if (correlation !== undefined) this.#done.set(parsed, correlation);
      for (const other of waiting.get(parsed) ?? []) {
        const left = waitsFor.get(other)! - 1;
        waitsFor.set(other, left);
        if (left === 0) ready.push(other);
      }
    }
    this.#tellCircles(new Set(this.#all.filter(parsed => waitsFor.get(parsed)! > 0)));
    return { correlations: this.#done, problems: this.#problems };
  }

  #tell(
    parsed: ParsedCorrelation,
    severity: Severity,
    code: string,
    range: Range,
    message: string,
    help?: string,
  ): undefined {
    this.#problems.push(parsed.source.problem(severity, code, range, message, help));
  }

  #find(parsed: ParsedCorrelation): readonly Referred[] {
    const targets = new Map<Referred, Word>();
    let failed = false;
    for (const word of parsed.rule.references) {
      const found = this.#references.find(word.text, parsed.source.file);
      if ('code' in found) {
        this.#tell(parsed, 'error', found.code, word.range, found.message, found.help);
        failed = true;
        continue;
      }
      const same = targets.get(found);
      if (same !== undefined) {
        this.#tell(parsed, 'error', 'bad-correlation', word.range, `"${word.text}" and "${same.text}" are one rule`);
        failed = true;
      }
      targets.set(found, word);
    }
    return failed ? [] : [...targets.keys()];
  }

  #build(parsed: ParsedCorrelation): Correlation | undefined {
    const links = this.#links.get(parsed)!;
    // Told where it was found.
    if (links.length === 0) return undefined;
    const { rule: draft, source } = parsed;
    const rules: (Rule | Correlation)[] = [];
    const byText = new Map<string, Rule | Correlation>();
    for (const [i, link] of links.entries()) {
      const word = draft.references[i]!;
      const rule = isDraft(link) ? this.#done.get(link) : this.#ruleOf(link);
      if (rule === undefined) {
        const message = `the rule "${word.text}" was left out: it is wrong`;
        return this.#tell(parsed, 'error', 'rejected-rule', word.range, message);
      }
      rules.push(rule);
      byText.set(word.text, rule);
      if (link.source.file === source.file || draft.generate) continue;
      const message = `"${word.text}" is in another file, and goes on alerting alone`;
      const help = 'put both into one file, or say "generate: true" if it is to alert alone';
      this.#tell(parsed, 'warning', 'base-rule-alerts', word.range, message, help);
    }
    const aliases = this.#aliases(parsed, byText);
    if (aliases === undefined) return undefined;
    this.#lintFields(parsed, rules, aliases);
    const {
      references: _,
      groupBy,
      aliases: __,
      expression,
      conditionText,
      generate: ___,
      fieldsRange: ____,
      ...rest
    } = draft;
    const joint = draft.type === 'temporal_ordered' ? ' then ' : ' and ';
    return {
      ...rest,
      rules,
      groupBy: groupBy.map(({ text }) => text),
      aliases,
      ...(expression === undefined ? {} : { expression: renamed(expression, text => nameOf(byText.get(text)!)) }),
      conditionText: conditionText ?? rules.map(nameOf).join(joint),
      digest: digestOf([draft.digest, ...rules.map(({ digest }) => digest)]),
    };
  }

  #aliases(
    parsed: ParsedCorrelation,
    byText: ReadonlyMap<string, Rule | Correlation>,
  ): Correlation['aliases'] | undefined {
    const { aliases, groupBy, references } = parsed.rule;
    const resolved = new Map<string, ReadonlyMap<Rule | Correlation, string>>();
    let failed = false;
    for (const { text: alias, range, fields } of aliases) {
      const byRule = new Map<Rule | Correlation, string>();
      for (const { rule: word, field } of fields) {
        const rule = byText.get(word.text) ?? [...byText.values()].find(one => nameOf(one) === word.text);
        if (rule !== undefined) byRule.set(rule, field);
        else {
          const message = `"${word.text}" is none of the correlation's rules`;
          this.#tell(parsed, 'error', 'unknown-rule', word.range, message, didYouMean(word.text, byText.keys()));
          failed = true;
        }
      }
      for (const { text } of references) {
        if (byRule.has(byText.get(text)!)) continue;
        const message = `the alias "${alias}" has no field for "${text}", where it is taken for the field's name`;
        this.#tell(parsed, 'warning', 'incomplete-alias', range, message);
      }
      if (!groupBy.some(({ text }) => text === alias)) {
        this.#tell(parsed, 'warning', 'unused-alias', range, `"group-by" doesn't name the alias "${alias}"`);
      }
      resolved.set(alias, byRule);
    }
    return failed ? undefined : resolved;
  }

  /** Fields that a rule's events don't have: its matches would never be counted. */
  #lintFields(
    parsed: ParsedCorrelation,
    rules: readonly (Rule | Correlation)[],
    aliases: Correlation['aliases'],
  ): void {
    const { groupBy, fields, fieldsRange } = parsed.rule;
    const words = [...groupBy, ...fields.map(text => ({ text, range: fieldsRange }))];
    for (const { text, range } of words) {
      const told = new Set<string>();
      for (const rule of rules) {
        const field = aliases.get(text)?.get(rule) ?? text;
        const problem = isCorrelation(rule) ? ungrouped(field, rule) : unknownField(field, range, rule);
        if (problem === undefined || told.has(problem.message)) continue;
        told.add(problem.message);
        this.#tell(parsed, 'warning', problem.code, range, problem.message, problem.help);
      }
    }
  }

  /** Each correlation once: from each one, along its references, until one comes again. */
  #tellCircles(stuck: ReadonlySet<ParsedCorrelation>): void {
    const seen = new Set<ParsedCorrelation>();
    for (const start of stuck) {
      const path: ParsedCorrelation[] = [];
      const at = new Map<ParsedCorrelation, number>();
      let node = start;
      while (!seen.has(node)) {
        seen.add(node);
        at.set(node, path.length);
        path.push(node);
        node = this.#links.get(node)!.find((link): link is ParsedCorrelation => isDraft(link) && stuck.has(link))!;
      }
      const from = at.get(node) ?? path.length;
      const circle = path.slice(from);
      for (const [i, parsed] of path.entries()) this.#tellStuck(parsed, i < from ? undefined : circle, i - from);
    }
  }

  #tellStuck(parsed: ParsedCorrelation, circle: readonly ParsedCorrelation[] | undefined, index: number): void {
    const { references } = parsed.rule;
    const links = this.#links.get(parsed)!;
    const word = references[links.findIndex(link => isDraft(link) && !this.#done.has(link))] ?? references[0]!;
    if (circle === undefined) {
      this.#tell(parsed, 'error', 'circle', word.range, `"${word.text}" waits for a correlation that refers to itself`);
      return;
    }
    const around = [...circle.slice(index), ...circle.slice(0, index + 1)].map(
      one => one.rule.name ?? one.rule.info.id,
    );
    const shown = around.length > 8 ? [...around.slice(0, 7), '…', around.at(-1)!] : around;
    this.#tell(parsed, 'error', 'circle', word.range, `the correlation refers to itself: ${shown.join(' → ')}`);
  }
}

interface FieldProblem {
  readonly code: string;
  readonly message: string;
  readonly help?: string;
}

/** But for what the rule's own block names: that is told of the rule. */
function unknownField(field: string, range: Range, { puppy: _, ...rule }: Rule): FieldProblem | undefined {
  const item = { field, values: [], all: false, negated: false, range };
  const selection = { name: field, range, node: { kind: 'item' as const, item } };
  return fieldProblems({ ...rule, selections: new Map([[field, selection]]) })[0];
}

/** A correlation's match has the fields that it groups by, no others. */
function ungrouped(field: string, correlation: Correlation): FieldProblem | undefined {
  if (correlation.groupBy.includes(field)) return undefined;
  const message = `"${nameOf(correlation)}" doesn't group by "${field}": its matches have no such field`;
  return { code: 'field-not-grouped', message, help: `add it to the "group-by" of "${nameOf(correlation)}"` };
}
