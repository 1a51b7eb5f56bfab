// The comparisons of a correlation's condition. Pure.

import type { Correlation, CorrelationOperator } from '../ast.ts';

export type Bounds = Correlation['conditions'];

const HOLDS: Readonly<Record<CorrelationOperator, (number: number, value: number) => boolean>> = {
  gt: (number, value) => number > value,
  gte: (number, value) => number >= value,
  lt: (number, value) => number < value,
  lte: (number, value) => number <= value,
  eq: (number, value) => number === value,
  neq: (number, value) => number !== value,
};

/** Whether the number is within all of them. */
export const boundsHold = (bounds: Bounds, number: number): boolean =>
  bounds.every(({ operator, value }) => HOLDS[operator](number, value));
