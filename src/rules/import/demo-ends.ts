// The Go demo's ends of a connection, `address:port` in one text, as Sigma's two fields of either side. Pure.

import { type Condition, NotConverted, type Term, textTerm } from './demo-terms.ts';

export const END_FIELDS: readonly string[] = ['remote', 'local'];

interface Parts {
  /** A text, or for patterns a pattern. */
  readonly address?: string;
  readonly port?: string;
}

/** `direction`: `out`, `in`, or undefined where either may be meant. */
export function endTerm(condition: Condition, direction: string | undefined): Term {
  const parts = condition.type === 'string' ? ofText(condition.data) : ofPattern(condition);
  const isRemote = condition.field === 'remote';
  const ofSide = (initiated: boolean, suffix: string): Term => {
    const side = isRemote === initiated ? 'Destination' : 'Source';
    const name = condition.field + suffix;
    const terms: Term[] = [];
    if (parts.address !== undefined)
      terms.push(textTerm({ ...condition, data: parts.address }, [`${side}Ip`], `${name}_address`));
    if (parts.port !== undefined) {
      terms.push({ selections: { [`${name}_port`]: { [`${side}Port`]: Number(parts.port) } }, text: `${name}_port` });
    }
    return joined(terms, 'and');
  };
  if (direction === 'out' || direction === 'in') return ofSide(direction === 'out', '');
  const out = joined(
    [{ selections: { outgoing: { Initiated: 'true' } }, text: 'outgoing' }, ofSide(true, '_out')],
    'and',
  );
  const incoming = joined(
    [{ selections: { incoming: { Initiated: 'false' } }, text: 'incoming' }, ofSide(false, '_in')],
    'and',
  );
  const either = joined([out, incoming], 'or');
  return { ...either, text: `(${either.text})` };
}

function joined(terms: readonly Term[], how: 'and' | 'or'): Term {
  const selections = Object.assign({}, ...terms.map(term => term.selections)) as Term['selections'];
  const texts = terms.map(({ text }) => (how === 'or' && text.includes(' ') ? `(${text})` : text));
  return { selections, text: texts.join(` ${how} `) };
}

function ofText(data: string): Parts {
  const match = /^([^:]*):(\d{1,5})$/.exec(data);
  if (match === null) return { address: data };
  return { ...(match[1] !== '' && { address: match[1]! }), port: match[2]! };
}

function ofPattern({ field, type, data }: Condition): Parts {
  const port = /^(.*?):(\d{1,5})\$$/.exec(data);
  const address = port === null ? data : port[1]!;
  const isSplit = port !== null && type === 'regex';
  // A pattern that spans both, or ends where the text ends, means the port as well.
  if ((port !== null && !isSplit) || /:|\|.*\$|(?<!\\)\$$/.test(address)) {
    throw new NotConverted(
      `the pattern of "${field}" is of address and port in one text: write it with DestinationIp and DestinationPort`,
    );
  }
  return {
    ...(address !== '' && { address: isSplit && !address.endsWith('$') ? `${address}$` : address }),
    ...(port !== null && { port: port[2]! }),
  };
}
