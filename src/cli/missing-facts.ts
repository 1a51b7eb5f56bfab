// Which rules a bare log, or a line of an event, could not serve: those that ask for facts which it doesn't hold.

import type { AnyEvent } from '../core/event.ts';
import { type Rule, ruleItems } from '../rules/ast.ts';
import { streamsOf } from '../rules/logsource.ts';
import type { Ruleset } from '../rules/ruleset.ts';

/** Whether the rule reads one of the fields, by their Sigma or ECS names. */
const reads = (fields: RegExp) => (rule: Rule) =>
  ruleItems(rule).some(item => item.field !== undefined && fields.test(item.field));

/** Facts that come from the host, with the rules that ask for them. */
const FACTS: readonly {
  readonly what: string;
  readonly asks: (rule: Rule) => boolean;
  readonly lacks: (event: AnyEvent) => boolean;
}[] = [
  {
    what: 'the parent process',
    asks: reads(/^(Parent(Image|CommandLine|User)|process\.parent\.|puppy\.ancestors\.)/),
    lacks: event =>
      'process' in event && event.process !== undefined && event.process.ancestors[0]?.executable === undefined,
  },
  {
    what: "users' names",
    asks: reads(/^(User|ParentUser|(process\.)?(real_|saved_)?(user|group)\.name|puppy\.login\.name)$/),
    lacks: event =>
      'process' in event &&
      event.process?.image.credentials?.uid !== undefined &&
      event.process.image.credentials.uid.name === undefined,
  },
  {
    what: 'audit records (--records puts them on the lines of events)',
    asks: ({ logsource }) => streamsOf(logsource).includes('record'),
    lacks: event => event.module === 'audit' && event.records === undefined,
  },
];

export class MissingFacts {
  private readonly lacking = FACTS.map(() => 0);
  private readonly ruleset: Ruleset;

  constructor(ruleset: Ruleset) {
    this.ruleset = ruleset;
  }

  see(event: AnyEvent): void {
    for (let i = 0; i < FACTS.length; i++) if (FACTS[i]!.lacks(event)) this.lacking[i]!++;
  }

  /** Lines for people: the fact, how often it lacked, and the rules that ask for it. */
  report(): string[] {
    return FACTS.flatMap(({ what, asks }, i) => {
      const count = this.lacking[i]!;
      const rules = this.ruleset.rules.filter(asks);
      if (count === 0 || rules.length === 0) return [];
      const names = rules.map(rule => `  ${rule.info.id}  ${rule.info.title}`);
      return [
        `${count} events lack ${what}, which the input doesn't hold; ${rules.length} rules ask for it and may have missed something:\n${names.join('\n')}`,
      ];
    });
  }
}
