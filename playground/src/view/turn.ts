/** One turn of the conversation: what the user said, and the two answers beside each other. */

import type { Side } from "../api/conversation";
import type { Piece } from "../emphasis/pieces";
import { AnswerView } from "./answer";
import { el } from "./dom";
import { said } from "./said";

export class TurnView {
  readonly element: HTMLElement;
  readonly answers: Record<Side, AnswerView>;

  constructor(number: number, words: readonly Piece[], byDefault: number) {
    this.answers = { plain: new AnswerView("plain", number), steered: new AnswerView("steered", number) };
    const { plain, steered } = this.answers;
    this.element = el(
      "li",
      { class: "turn", "aria-label": `Turn ${number}` },
      el("p", { class: "said" }, ...said(words, byDefault)),
      el("div", { class: "pair" }, plain.element, steered.element),
    );
  }
}
