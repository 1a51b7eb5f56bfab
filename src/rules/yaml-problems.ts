// The YAML library's errors in the words of somebody who writes rules, at the place where the mistake is. Pure.

import { isCollection, isScalar, type Node, visit, type YAMLError } from 'yaml';
import type { Range } from './problem.ts';

export interface YamlProblem {
  readonly range: Range;
  readonly message: string;
  readonly help?: string;
}

const ERRORS_MAX = 10;
const IN_QUOTES = 'put it in single quotes';

/** Of one document. An error draws others behind it: only the first on each line is told. */
export function yamlProblems(text: string, errors: readonly YAMLError[], contents: Node | null): YamlProblem[] {
  const problems: YamlProblem[] = [];
  let lineEnd = -1;
  for (const error of errors) {
    if (problems.length === ERRORS_MAX) break;
    if (error.pos[0] <= lineEnd) continue;
    // Says again what another has said of the line before.
    if (lineEnd >= 0 && error.code === 'MULTILINE_IMPLICIT_KEY') continue;
    const newline = text.indexOf('\n', error.pos[0]);
    lineEnd = newline < 0 ? text.length : newline;
    problems.push(explained(text, error, contents));
  }
  return problems;
}

function explained(text: string, { code, message, pos }: YAMLError, contents: Node | null): YamlProblem {
  // The composer's own bound is the stack's.
  if (message.startsWith('Maximum call stack')) return { range: [0, 0], message: 'the YAML is nested too deeply' };
  const found = text[pos[0]] ?? '';
  switch (code) {
    case 'TAB_AS_INDENT':
      return { range: pos, message: "a tab can't indent YAML", help: 'indent with spaces' };
    case 'BAD_SCALAR_START':
    case 'BAD_ALIAS':
      return { range: pos, message: `a value without quotes can't begin with "${found}"`, help: IN_QUOTES };
    case 'BAD_DQ_ESCAPE':
      return {
        range: [pos[0], pos[0] + 2],
        message: `"${text.slice(pos[0], pos[0] + 2)}" is no escape of a text in double quotes`,
        help: 'write it in single quotes: there a backslash stands for itself',
      };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        range: pos,
        message: 'this begins a map where a value is expected',
        help: 'put a value that holds ": " in single quotes; else check the indentation of the next line',
      };
    case 'MISSING_CHAR':
    case 'BAD_INDENT': {
      if (message.endsWith('must start at the same column')) {
        const at = pos[0] + Math.max(0, text.slice(pos[0], pos[0] + 200).search(/[^ ]/));
        const help = 'all keys of a map, and all items of a list, begin in the same column';
        return { range: [at, at + 1], message: 'this is indented unlike the lines that it belongs to', help };
      }
      const open = openNode(contents, pos[0]);
      if (open === undefined || !/closing|end with/.test(message)) break;
      const opener = text[open] ?? '';
      return {
        range: [open, open + 1],
        message: `this ${opener === '"' || opener === "'" ? 'quote' : `"${opener}"`} is not closed`,
      };
    }
    case 'TAG_RESOLVE_FAILED': {
      const tag = text.slice(...pos);
      return { range: pos, message: `no tag is named "${tag}"`, help: `if the value begins with "!", ${IN_QUOTES}` };
    }
    case 'UNEXPECTED_TOKEN':
      if (message !== 'Unexpected scalar at node end') break;
      return /['"]\s*$/.test(text.slice(Math.max(0, pos[0] - 80), pos[0]))
        ? {
            range: pos,
            message: 'text behind the closing quote',
            help: "within single quotes a quote is written twice: 'it''s'",
          }
        : { range: pos, message: "this doesn't belong here", help: 'check the indentation' };
    default:
  }
  return { range: pos, message: message.split('\n')[0]! };
}

/** Where the innermost quoted text or bracket that reaches `at` begins. */
function openNode(contents: Node | null, at: number): number | undefined {
  let open: number | undefined;
  try {
    visit(contents, (_key, node) => {
      const range = isScalar(node) || isCollection(node) ? node.range : undefined;
      if (!range || range[0] > at || range[2] < at) return;
      const isQuoted = isScalar(node) && (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE');
      if (isQuoted || (isCollection(node) && node.flow === true)) open = range[0];
    });
  } catch (error) {
    // Nested more deeply than the stack.
    if (!(error instanceof RangeError)) throw error;
  }
  return open;
}
