// DNS messages made from their parts, for tests.

const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

/** A name's bytes: labels, then the root, or a pointer where one is given. */
export const name = (text: string, pointer?: number): number[] => [
  ...text
    .split('.')
    .filter(label => label !== '')
    .flatMap(label => [label.length, ...Buffer.from(label, 'latin1')]),
  ...(pointer === undefined ? [0] : [0xc0 | (pointer >> 8), pointer & 0xff]),
];

export const TYPE = {
  A: 1,
  CNAME: 5,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
} as const;

/** `owner`: the first question's name unless it's given. */
export const record = (
  type: number,
  data: readonly number[],
  ttl = 300,
  owner: readonly number[] = [0xc0, 12],
  kind = 1,
) => [...owner, ...u16(type), ...u16(kind), ...u16(ttl >>> 16), ...u16(ttl & 0xffff), ...u16(data.length), ...data];

export interface MessageParts {
  readonly id?: number;
  readonly flags?: number;
  readonly questions?: readonly (readonly number[])[];
  readonly answers?: readonly (readonly number[])[];
  readonly additional?: readonly (readonly number[])[];
  /** The counts that the header states. */
  readonly counts?: readonly [number, number, number, number];
}

export const question = (text: string, type: number = TYPE.A, kind = 1): number[] => [
  ...name(text),
  ...u16(type),
  ...u16(kind),
];

export function message(parts: MessageParts): Buffer {
  const { questions = [], answers = [], additional = [] } = parts;
  const counts = parts.counts ?? [questions.length, answers.length, 0, additional.length];
  return Buffer.from([
    ...u16(parts.id ?? 0x1234),
    ...u16(parts.flags ?? 0x8180),
    ...counts.flatMap(u16),
    ...[...questions, ...answers, ...additional].flat(),
  ]);
}
