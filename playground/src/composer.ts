/** The composers: fields with the lists of their spans, and the toolbar that works on the one used last. */

import type { Command } from "prosemirror-state";

import { Field } from "./editor/field";
import { clear, emphasise, suppress } from "./emphasis/commands";
import type { Piece } from "./emphasis/pieces";
import type { Say } from "./view/announcer";
import { at } from "./view/dom";
import { SpanList } from "./view/span-list";

export interface ComposerWishes {
  readonly byDefault: () => number;
  readonly changed: () => void;
  readonly say: Say;
}

export class Composer {
  private static active: Composer | null = null;
  readonly field: Field;
  private readonly list: SpanList;

  /** The page has elements #name, #name-label and #name-spans for it. */
  constructor(name: string, hint: string, send: () => void, { byDefault, changed, say }: ComposerWishes) {
    this.field = new Field(at(name, HTMLElement), {
      labelledBy: `${name}-label`,
      describedBy: "keys",
      hint,
      byDefault,
      changed: () => {
        this.list.update();
        changed();
      },
      send,
      say,
      focused: () => (Composer.active = this),
    });
    this.list = new SpanList(at(`${name}-spans`, HTMLUListElement), this.field, byDefault);
  }

  get pieces(): Piece[] {
    return this.field.pieces;
  }

  set pieces(pieces: readonly Piece[]) {
    this.field.set(pieces);
    this.list.update();
  }

  /** Show the factors anew, after the default has changed. */
  update(): void {
    this.list.update();
  }

  /** Let a toolbar work on the field used last, or on this one. */
  tools(): void {
    const tools: Record<string, Command> = { emphasise, suppress, clear };
    for (const [id, command] of Object.entries(tools)) {
      const made = at(id, HTMLButtonElement);
      made.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps its selection
      made.addEventListener("click", () => {
        const { field } = Composer.active ?? this;
        field.run(command);
        field.focus();
      });
    }
  }
}
