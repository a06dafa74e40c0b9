/** Pieces as they are read, not edited: a turn of the conversation. */

import { factorOf, level, show, suppresses } from "../emphasis/factor";
import type { Piece } from "../emphasis/pieces";
import { el } from "./dom";

/** Return elements that show the pieces with their emphasis. */
export function said(pieces: readonly Piece[], byDefault: number): (HTMLElement | string)[] {
  return pieces.map(({ text, weight }) => {
    if (weight === null) return text;
    const factor = factorOf(weight, byDefault);
    const kind = suppresses(weight) ? "suppressed" : "lifted";
    return el("mark", { class: `${kind} level-${level(factor)}`, title: show(factor) }, text);
  });
}
