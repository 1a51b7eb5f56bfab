// Lints of what can't hold: a value that would have to be two at once, a filter that takes away all that a selection finds. Only
// what is proved is told. Pure.

import type { Range } from '../problem.ts';
import { anyCovers, clash } from './covers.ts';
import { type Finding, quoted } from './finding.ts';
import type { Logic, Question } from './logic.ts';

/** Pairs of tests that are compared for one rule: what lies behind isn't judged. */
const COMPARISONS_MAX = 200_000;

/** Fields with one value at most, by canonical name: others may hold two values at once. */
const SINGLE =
  /^(?:process\.(?:parent\.)?(?:pid|executable|name|command_line|working_directory|args_count|(?:\w+_)?(?:user|group)\.\w+)|user\.(?:id|name)|LogonId|Initiated|(?:source|destination)\.(?:ip|port)|event\.(?:action|outcome|module)|error\.code|network\.(?:transport|type|direction)|puppy\.(?:login\.\w+|process\.(?:comm|tty|root)))$/;
const SINGLE_OF_RECORD = /^(?:type|a\d+|success|exit|name|nametype|exe|comm|cwd|tty|arch|[aefs]?s?uid|[efs]?s?gid)$/;

export function* contradictions(logic: Logic, isRecord: boolean): Generator<Finding> {
  yield* new Prover(isRecord).walk(logic, { questions: [], denied: [] });
}

/** What an event must be, and must not be, for a part of the rule to count. */
interface Must {
  readonly questions: readonly Question[];
  readonly denied: readonly Logic[];
}

class Prover {
  readonly #isRecord: boolean;
  #left = COMPARISONS_MAX;

  constructor(isRecord: boolean) {
    this.#isRecord = isRecord;
  }

  *walk(logic: Logic, inherited: Must): Generator<Finding> {
    this.#left -= inherited.questions.length + inherited.denied.length;
    if (this.#left <= 0) return;
    const questions = [...inherited.questions];
    const denied = [...inherited.denied];
    const branches: (readonly Logic[])[] = [];
    const gather = (part: Logic): void => {
      if (part.kind === 'named') gather(part.of);
      else if (part.kind === 'question') questions.push(part.question);
      else if (part.kind === 'and') part.of.forEach(gather);
      else if (part.kind === 'not') denied.push(part.of);
      else branches.push(part.of);
    };
    gather(logic);
    const found = this.#clash(questions) ?? this.#taken(questions, denied);
    if (found !== undefined) yield found;
    else for (const branch of branches.flat()) yield* this.walk(branch, { questions, denied });
  }

  #clash(questions: readonly Question[]): Finding | undefined {
    const byField = new Map<string, Question[]>();
    for (const question of questions) {
      if (question.field === undefined) continue;
      const earlier = byField.get(question.field) ?? [];
      for (const other of earlier) {
        if (--this.#left <= 0) return undefined;
        if (!this.#clashes(other, question)) continue;
        const { range, field } = question.item;
        const [a, b] = [shown(other), shown(question)];
        const message = `nothing can match: "${field}" can't be ${a} and ${b} at once`;
        return { code: 'cannot-match', range, message };
      }
      earlier.push(question);
      byField.set(question.field, earlier);
    }
    return undefined;
  }

  #clashes(a: Question, b: Question): boolean {
    const isSingle = (this.#isRecord ? SINGLE_OF_RECORD : SINGLE).test(a.field!);
    return a.tests.every(x => b.tests.every(y => this.#left-- > 0 && clash(x, y, isSingle)));
  }

  /** What is denied always holds where all questions hold. */
  #taken(questions: readonly Question[], denied: Must['denied']): Finding | undefined {
    if (questions.length === 0) return undefined;
    const taken = denied.find(logic => this.#follows(logic, questions));
    if (taken === undefined) return undefined;
    const culprit = this.#culprit(taken, questions);
    const what = culprit.kind === 'named' ? `"${culprit.selection.name}"` : 'what is excluded here';
    const message = `nothing can match: ${what} always holds where the rest does`;
    return { code: 'cannot-match', range: placeOf(culprit) ?? questions[0]!.item.range, message };
  }

  /** The selection within what is denied that is to blame. */
  #culprit(logic: Logic, from: readonly Question[]): Logic {
    if (logic.kind !== 'or' && !(logic.kind === 'and' && logic.of.length === 1)) return logic;
    const part = logic.of.find(one => this.#follows(one, from));
    return part === undefined ? logic : this.#culprit(part, from);
  }

  #follows(logic: Logic, from: readonly Question[]): boolean {
    switch (logic.kind) {
      case 'named':
        return this.#follows(logic.of, from);
      case 'and':
        return logic.of.every(part => this.#follows(part, from));
      case 'or':
        return logic.of.some(part => this.#follows(part, from));
      case 'count':
        return logic.of.filter(part => this.#follows(part, from)).length >= logic.count;
      case 'not':
        return false;
      case 'question': {
        const { field, tests } = logic.question;
        return from.some(known => {
          if (known.field !== field || known.tests.length === 0) return false;
          this.#left -= known.tests.length * tests.length;
          return this.#left > 0 && anyCovers(tests, known.tests);
        });
      }
    }
  }
}

function placeOf(logic: Logic): Range | undefined {
  if (logic.kind === 'named') return logic.selection.range;
  return logic.kind === 'question' ? logic.question.item.range : undefined;
}

function shown({ item, tests }: Question): string {
  const value = item.values.find(({ tests: [first] }) => first === tests[0]);
  const text = tests[0]?.op === 'null' ? 'null' : quoted(value?.text ?? '');
  const how = item.modifier === undefined ? '' : `${item.modifier} `;
  const more = tests.length > 1 && !item.all ? ' (or another of its list)' : '';
  return `${how}${text}${more}`;
}
