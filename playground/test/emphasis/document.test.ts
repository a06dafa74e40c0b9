import fc from "fast-check";
import { expect, test } from "vitest";

import { documentOf, piecesOf, spansOf } from "../../src/emphasis/document";
import type { Weight } from "../../src/emphasis/factor";
import { contentOf, isEmphasised, type Piece, textOf, tidy } from "../../src/emphasis/pieces";
import { pieces } from "../arbitrary";

/** The weight of every character that is no line end. */
function weights(given: readonly Piece[]): (Weight | null)[] {
  return given.flatMap(({ text, weight }) => Array.from(text.replace(/\n/g, ""), () => weight));
}

test("a document says the text of its pieces, and every letter keeps its weight", () => {
  fc.assert(
    fc.property(pieces, (given) => {
      const back = piecesOf(documentOf(given));
      expect(textOf(back)).toBe(textOf(tidy(given)));
      expect(weights(back)).toEqual(weights(tidy(given)));
    }),
  );
});

test("reading a document and making it anew changes nothing more", () => {
  fc.assert(
    fc.property(pieces, (given) => {
      const once = piecesOf(documentOf(given));
      expect(piecesOf(documentOf(once))).toEqual(once);
    }),
  );
});

test("a line end is emphasised inside a span and plain at its edge", () => {
  const given: Piece[] = [{ text: "\na\n\nb\n", weight: 10 }];
  expect(piecesOf(documentOf(given))).toEqual([
    { text: "\n", weight: null },
    { text: "a\n\nb", weight: 10 },
    { text: "\n", weight: null },
  ]);
});

test("every emphasised piece is a span that stands where its words stand", () => {
  fc.assert(
    fc.property(pieces, (given) => {
      const doc = documentOf(given);
      const found = spansOf(doc);
      expect(found.map(({ text, weight }) => ({ text, weight }))).toEqual(
        piecesOf(doc).filter(({ weight }) => weight !== null),
      );
      for (const { from, to, text } of found) expect(doc.textBetween(from, to, "\n")).toBe(text);
      expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    }),
  );
});

test("the content of a message has the same text, and parts only where words are emphasised", () => {
  fc.assert(
    fc.property(pieces, (given) => {
      const content = contentOf(given);
      const joined = typeof content === "string" ? content : content.map((part) => part.text).join("");
      expect(joined).toBe(textOf(given));
      expect(typeof content === "string").toBe(!isEmphasised(given));
    }),
  );
});

test("emphasis by default is true, and a factor is named", () => {
  const given: Piece[] = [
    { text: "a ", weight: null },
    { text: "b", weight: "default" },
    { text: "c", weight: 0.1 },
  ];
  expect(contentOf(given)).toEqual([
    { type: "text", text: "a " },
    { type: "text", text: "b", emphasis: true },
    { type: "text", text: "c", emphasis: { x: 0.1 } },
  ]);
});
