/** Prompts to begin with. */

import type { Piece } from "./emphasis/pieces";

export interface Example {
  readonly title: string;
  readonly system: readonly Piece[];
  readonly user: readonly Piece[];
}

function plain(text: string): Piece {
  return { text, weight: null };
}

function bold(text: string): Piece {
  return { text, weight: "default" };
}

export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    title: "A new fact: who makes the iPhone",
    system: [],
    user: [
      plain("Previously Apple's iPhone was made by Apple. "),
      bold("Currently the iPhone is made by Nokia."),
      plain(" Complete: The iPhone is made by"),
    ],
  },
  {
    title: "An instruction: answer as JSON",
    system: [],
    user: [
      plain("Mary Barton is a nurse from Ohio who has worked in emergency rooms for twenty years. "),
      bold("Answer as JSON with keys name and occupation."),
    ],
  },
];
