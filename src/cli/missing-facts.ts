// Which rules a bare log could not serve: those that ask for facts which only the live host had.

import type { AnyEvent } from '../core/event.ts';
import { ruleItems } from '../rules/ast.ts';
import type { Ruleset } from '../rules/ruleset.ts';

/** Facts that come from the host, with the Sigma and ECS names that read them. */
const FACTS: readonly {
  readonly what: string;
  readonly fields: RegExp;
  readonly lacks: (event: AnyEvent) => boolean;
}[] = [
  {
    what: 'the parent process',
    fields: /^(Parent(Image|CommandLine|User)|process\.parent\.|puppy\.ancestors\.)/,
    lacks: event =>
      'process' in event && event.process !== undefined && event.process.ancestors[0]?.executable === undefined,
  },
  {
    what: "users' names",
    fields: /^(User|ParentUser|(process\.)?(real_|saved_)?(user|group)\.name|puppy\.login\.name)$/,
    lacks: event =>
      'process' in event &&
      event.process?.image.credentials?.uid !== undefined &&
      event.process.image.credentials.uid.name === undefined,
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
    return FACTS.flatMap(({ what, fields }, i) => {
      const count = this.lacking[i]!;
      const rules = this.ruleset.rules.filter(rule =>
        ruleItems(rule).some(item => item.field !== undefined && fields.test(item.field)),
      );
      if (count === 0 || rules.length === 0) return [];
      const names = rules.map(rule => `  ${rule.info.id}  ${rule.info.title}`);
      return [
        `${count} events lack ${what}, which the log doesn't hold; ${rules.length} rules ask for it and may have missed something:\n${names.join('\n')}`,
      ];
    });
  }
}
