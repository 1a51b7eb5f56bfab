// Sizes and durations as people write them: `20MiB`, `1m`, `7d`.

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const found = /^(\d{1,12}(?:\.\d{1,3})?) ?([A-Za-z]{0,3})$/.exec(text.trim());
  if (found === null || !Object.hasOwn(units, found[2]!)) return undefined;
  return Math.round(Number(found[1]) * units[found[2]!]!);
}

/** Bytes of `512`, `64KiB`, `20MiB`, `1GB`; undefined if it isn't a size. */
export function parseSize(text: string): number | undefined {
  return parse(text, SIZE_UNITS);
}

/** Milliseconds of `500ms`, `60s`, `1m`, `12h`, `7d`, `2w`; undefined if it isn't a duration. A number needs its unit. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION_UNITS);
}
