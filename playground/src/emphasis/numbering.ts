/** Gives every span a number of its own: pasted and split spans come with that of another, or none. */

import { Plugin, type Transaction } from "prosemirror-state";
import type { EditorState } from "prosemirror-state";

import { spansOf } from "./document";
import { emphasis } from "./schema";

/** Return the lowest number that no span of the document has. */
export function nextNumber(state: EditorState): number {
  return Math.max(0, ...spansOf(state.doc).map((span) => span.id)) + 1;
}

/** Make the plugin. */
export function numbering(): Plugin {
  return new Plugin({
    appendTransaction: (transactions, _before, state) =>
      transactions.some((transaction) => transaction.docChanged) ? renumber(state) : null,
  });
}

function renumber(state: EditorState): Transaction | null {
  const seen = new Set<number>();
  let next = nextNumber(state);
  let change: Transaction | null = null;
  for (const { id, from, to, weight } of spansOf(state.doc)) {
    if (id > 0 && !seen.has(id)) {
      seen.add(id);
      continue;
    }
    change = (change ?? state.tr).addMark(from, to, emphasis.create({ weight, span: next }));
    next += 1;
  }
  return change;
}
