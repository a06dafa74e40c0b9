/** Pieces: a text cut where its emphasis changes. What the editor shows, what a link carries, what the server is sent. */

import type { Weight } from "./factor";

export interface Piece {
  readonly text: string;
  /** null: not emphasised. */
  readonly weight: Weight | null;
}

export type ContentPart = { type: "text"; text: string; emphasis?: true | { x: number } };

/** Return the text without its emphasis. */
export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join("");
}

/** Tell whether any words are emphasised. */
export function isEmphasised(pieces: readonly Piece[]): boolean {
  return pieces.some((piece) => piece.weight !== null && piece.text !== "");
}

/** Return the pieces without empty ones, plain neighbours joined, and every line end as \n. */
export function tidy(pieces: readonly Piece[]): Piece[] {
  const kept: Piece[] = [];
  for (const { text: given, weight } of pieces) {
    const text = given.replace(/\r\n?/g, "\n");
    const last = kept.at(-1);
    if (text === "") continue;
    if (last?.weight === null && weight === null) kept[kept.length - 1] = { text: last.text + text, weight };
    else kept.push({ text, weight });
  }
  return kept;
}

/** Return a message's content: a string without emphasis, else parts of which each says its own. */
export function contentOf(pieces: readonly Piece[]): string | ContentPart[] {
  if (!isEmphasised(pieces)) return textOf(pieces);
  return pieces.map(({ text, weight }) => {
    if (weight === null) return { type: "text", text };
    return { type: "text", text, emphasis: weight === "default" ? true : { x: weight } };
  });
}
