// Path patterns that share their leading names, so that a path meets only those that it may match: a step for each of its names, however
// many patterns there are. Pure.

import { matchName } from '../core/wildcards.ts';

/** How a path lies to the patterns that its names lead to so far. */
export interface Place {
  /** Patterns go on with literal names, with names that have wildcards, with `**`. */
  readonly literal: ReadonlyMap<string, Place>;
  readonly wild: readonly { readonly name: string; readonly fits: (name: string) => boolean; readonly place: Place }[];
  readonly any: Place | undefined;
  /** It's behind a `**`, which takes any name. */
  readonly stays: boolean;
  /** A pattern ends here; one without wildcards does. */
  readonly ends: boolean;
  readonly endsPlainly: boolean;
}

const ANY = '**';
export const hasWildcard = (name: string): boolean => /[*?]/.test(name);

class Node implements Place {
  readonly literal = new Map<string, Node>();
  readonly wild: { readonly name: string; readonly fits: (name: string) => boolean; readonly place: Node }[] = [];
  any: Node | undefined;
  readonly stays: boolean;
  ends = false;
  endsPlainly = false;
  /** The step in which it was last come to. */
  step = 0;

  constructor(stays = false) {
    this.stays = stays;
  }

  next(name: string): Node {
    if (name === ANY) {
      // Twice it's no more than once.
      if (this.stays) return this;
      this.any ??= new Node(true);
      return this.any;
    }
    const known = hasWildcard(name) ? this.wild.find(one => one.name === name)?.place : this.literal.get(name);
    if (known !== undefined) return known;
    const place = new Node();
    if (hasWildcard(name)) this.wild.push({ name, fits: fitting(name), place });
    else this.literal.set(name, place);
    return place;
  }
}

export class PatternTrie {
  private readonly root = new Node();
  private step = 0;

  add(names: readonly string[]): void {
    let node = this.root;
    for (const name of names) node = node.next(name);
    node.ends = true;
    if (!names.some(hasWildcard)) node.endsPlainly = true;
  }

  /**
   * Whether one of the places on the way of a path is what is looked for. `left`: how many of its names come behind that place, 2 for
   * more. The path is absolute, as the kernel has it, or has a slash at its end.
   */
  some(path: string, is: (place: Place, left: number) => boolean): boolean {
    let at = 1;
    let end = endOf(path, at);
    let states: Node[] = [];
    let left = path.length <= 1 ? 0 : end >= path.length - 1 ? 1 : 2;
    if (this.comesTo(this.root, ++this.step, left, states, is)) return true;
    while (left > 0 && states.length > 0) {
      const name = path.slice(at, end);
      at = end + 1;
      end = endOf(path, at);
      left = at >= path.length ? 0 : end >= path.length - 1 ? 1 : 2;
      const next: Node[] = [];
      const step = ++this.step;
      for (const state of states) {
        const literal = state.literal.get(name);
        if (literal !== undefined && this.comesTo(literal, step, left, next, is)) return true;
        for (const { fits, place } of state.wild)
          if (place.step !== step && fits(name) && this.comesTo(place, step, left, next, is)) return true;
        if (state.stays && this.comesTo(state, step, left, next, is)) return true;
      }
      states = next;
    }
    return false;
  }

  private comesTo(
    node: Node,
    step: number,
    left: number,
    states: Node[],
    is: (place: Place, left: number) => boolean,
  ): boolean {
    if (node.step === step) return false;
    node.step = step;
    states.push(node);
    // `**` may be no name.
    return is(node, left) || (node.any !== undefined && this.comesTo(node.any, step, left, states, is));
  }
}

function endOf(path: string, at: number): number {
  const end = path.indexOf('/', at);
  return end < 0 ? path.length : end;
}

/** {@link matchName} for one pattern, made ready: its pieces in their order, as early as they come. */
function fitting(pattern: string): (name: string) => boolean {
  const pieces = pattern.split('*');
  const first = pieces.shift()!;
  const last = pieces.pop();
  if (last === undefined || pattern.includes('?')) return name => matchName(pattern, name);
  const least = first.length + last.length;
  return name => {
    if (name.length < least || !name.startsWith(first) || !name.endsWith(last)) return false;
    let from = first.length;
    for (const piece of pieces) {
      const at = name.indexOf(piece, from);
      if (at < 0) return false;
      from = at + piece.length;
    }
    return from <= name.length - last.length;
  };
}
