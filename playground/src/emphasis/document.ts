/** The editor's document ↔ pieces, and the spans in it. */

import type { Node } from "prosemirror-model";

import type { Weight } from "./factor";
import { type Piece, tidy } from "./pieces";
import { emphasis, schema, spanOf, weightOf } from "./schema";

/** Emphasised words: where they stand in the document, and what they weigh. */
export interface Span {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly weight: Weight;
  readonly text: string;
}

interface Run {
  readonly text: string;
  readonly from: number;
  readonly span: number;
  readonly weight: Weight | null;
}

/** Make a document of pieces; each emphasised piece is a span of its own. */
export function documentOf(pieces: readonly Piece[]): Node {
  const lines: Node[][] = [[]];
  tidy(pieces).forEach(({ text, weight }, index) => {
    const marks = weight === null ? [] : [emphasis.create({ weight, span: index + 1 })];
    text.split("\n").forEach((line, row) => {
      if (row > 0) lines.push([]);
      if (line !== "") lines.at(-1)?.push(schema.text(line, marks));
    });
  });
  return schema.node(
    "doc",
    null,
    lines.map((line) => schema.node("line", null, line)),
  );
}

/** Return the document's text as pieces. A line end is emphasised only inside a span, never at its edge. */
export function piecesOf(doc: Node): Piece[] {
  const pieces: (Piece & { span: number })[] = [];
  for (const run of runs(doc)) {
    const last = pieces.at(-1);
    if (last?.span === run.span && last.weight === run.weight)
      pieces[pieces.length - 1] = { ...last, text: last.text + run.text };
    else pieces.push({ text: run.text, weight: run.weight, span: run.span });
  }
  return pieces.map(({ text, weight }) => ({ text, weight }));
}

/** Return the spans in the order of the text. The same number in two places, or with two weights, is two spans. */
export function spansOf(doc: Node): Span[] {
  const spans: Span[] = [];
  let before = 0;
  for (const { span: id, weight, from, text } of runs(doc)) {
    const last = spans.at(-1);
    const to = from + text.length;
    if (weight !== null) {
      if (last && before === id && last.weight === weight)
        spans[spans.length - 1] = { ...last, to, text: last.text + text };
      else spans.push({ id, from, to, weight, text });
    }
    before = id;
  }
  return spans;
}

/** Texts and line ends in order; a line end takes the span of its neighbours where both are of one. */
function runs(doc: Node): Run[] {
  const found: Run[] = [];
  let ends = 0;
  let place = 0;
  doc.forEach((line, offset, index) => {
    if (index > 0) ends += 1;
    line.forEach((text, within) => {
      const mark = emphasis.isInSet(text.marks);
      const span = mark ? spanOf(mark) : 0;
      const weight = mark ? weightOf(mark) : null;
      if (ends > 0) {
        const inside = found.at(-1)?.span === span;
        found.push({ text: "\n".repeat(ends), from: place, span: inside ? span : 0, weight: inside ? weight : null });
        ends = 0;
      }
      place = offset + 1 + within + text.nodeSize;
      found.push({ text: text.text ?? "", from: offset + 1 + within, span, weight });
    });
  });
  if (ends > 0) found.push({ text: "\n".repeat(ends), from: place, span: 0, weight: null });
  return found;
}
