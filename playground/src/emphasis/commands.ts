/** What keys and buttons do to the emphasis. Each command says in words what it did, for those who hear the page. */

import type { Command, EditorState, Transaction } from "prosemirror-state";

import { spansOf, type Span } from "./document";
import { factorAt, LAST_POSITION, positionOf, show, SUPPRESSED, suppresses, type Weight } from "./factor";
import { nextNumber } from "./numbering";
import { emphasis, weightOf } from "./schema";

/** Name of the metadata that holds the words for the announcement. */
export const SAID = "said";

/** One touch of the arrow keys: a quarter of a power of ten. */
const NUDGE = 5;

/** Emphasise the selection by default, or stop doing so where all of it is lifted. */
export const emphasise: Command = toggle("default");

/** Suppress the selection, or stop doing so where all of it is suppressed. */
export const suppress: Command = toggle(SUPPRESSED);

/** Take all emphasis from the spans that the selection touches. */
export const clear: Command = (state, dispatch) => {
  const spans = touched(state);
  if (spans.length === 0) return false;
  const change = state.tr;
  for (const { from, to } of spans) change.removeMark(from, to, emphasis);
  dispatch?.(change.removeStoredMark(emphasis).setMeta(SAID, `No emphasis on ${quote(spans)}.`));
  return true;
};

/** Make the factor of the spans that the selection touches larger or smaller. */
export function nudge(direction: 1 | -1, byDefault: () => number): Command {
  return (state, dispatch) => {
    const spans = touched(state);
    if (spans.length === 0) return false;
    const change = state.tr;
    const factors = spans.map(({ id, from, to, weight }) => {
      const factor = factorAt(moved(positionOf(weight === "default" ? byDefault() : weight) + direction * NUDGE));
      change.addMark(from, to, emphasis.create({ weight: factor, span: id }));
      return show(factor);
    });
    dispatch?.(change.setMeta(SAID, `${quote(spans)}: ${factors.join(", ")}.`));
    return true;
  };
}

/** Give one span another weight; null takes its emphasis away. */
export function reweigh(id: number, weight: Weight | null): Command {
  return (state, dispatch) => {
    const span = spansOf(state.doc).find((one) => one.id === id);
    if (!span) return false;
    const change = state.tr.removeMark(span.from, span.to, emphasis);
    if (weight !== null) change.addMark(span.from, span.to, emphasis.create({ weight, span: id }));
    else change.setMeta(SAID, `No emphasis on ${quote([span])}.`);
    dispatch?.(change);
    return true;
  };
}

/** Return the spans that the selection touches; a bare cursor touches the span that it is in or beside. */
export function touched(state: EditorState): Span[] {
  const { from, to, empty } = state.selection;
  return spansOf(state.doc).filter((span) =>
    empty ? span.from <= to && from <= span.to : span.from < to && from < span.to,
  );
}

function toggle(weight: Weight): Command {
  return (state, dispatch) => {
    const change = state.selection.empty ? toggleTyping(state, weight) : toggleSelected(state, weight);
    if (change) dispatch?.(change);
    return change !== null;
  };
}

/** With nothing selected: what is typed next is emphasised, or no longer. */
function toggleTyping(state: EditorState, weight: Weight): Transaction {
  const marks = state.storedMarks ?? state.selection.$from.marks();
  const mark = emphasis.isInSet(marks);
  if (mark && suppresses(weightOf(mark)) === suppresses(weight)) {
    return state.tr.removeStoredMark(emphasis).setMeta(SAID, "What you type next is plain.");
  }
  const how = suppresses(weight) ? "suppressed" : "emphasised";
  const typed = emphasis.create({ weight, span: nextNumber(state) });
  return state.tr.addStoredMark(typed).setMeta(SAID, `What you type next is ${how}.`);
}

function toggleSelected(state: EditorState, weight: Weight): Transaction | null {
  const range = trimmed(state);
  if (!range) return null;
  const words = `“${state.doc.textBetween(range.from, range.to, " ")}”`;
  let all = true;
  state.doc.nodesBetween(range.from, range.to, (node) => {
    if (!node.isText) return;
    const mark = emphasis.isInSet(node.marks);
    all &&= mark !== undefined && suppresses(weightOf(mark)) === suppresses(weight);
  });
  if (all) return state.tr.removeMark(range.from, range.to, emphasis).setMeta(SAID, `No emphasis on ${words}.`);
  const mark = emphasis.create({ weight, span: nextNumber(state) });
  const how = weight === "default" ? `Emphasised: ${words}.` : `Suppressed: ${words}, ${show(weight)}.`;
  return state.tr.addMark(range.from, range.to, mark).setMeta(SAID, how);
}

/** The selection without white space at its edges; null when nothing is left. */
function trimmed(state: EditorState): { from: number; to: number } | null {
  let first = Infinity;
  let last = -Infinity;
  const { from, to } = state.selection;
  state.doc.nodesBetween(from, to, (node, place) => {
    if (!node.isText || node.text === undefined) return;
    const start = Math.max(from, place);
    const within = node.text.slice(start - place, to - place);
    if (within.trim() === "") return;
    first = Math.min(first, start + within.length - within.trimStart().length);
    last = Math.max(last, start + within.trimEnd().length);
  });
  return first < last ? { from: first, to: last } : null;
}

function moved(position: number): number {
  return Math.max(-LAST_POSITION, Math.min(LAST_POSITION, position));
}

function quote(spans: readonly Span[]): string {
  return spans.map((span) => `“${span.text}”`).join(", ");
}
