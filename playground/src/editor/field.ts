/** A field whose words can be emphasised: the rich-text editor of the system prompt, the user's words and a follow-up. */

import { baseKeymap } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { type Command, EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";

import { clear, emphasise, nudge, SAID, suppress, touched } from "../emphasis/commands";
import { documentOf, piecesOf, type Span, spansOf } from "../emphasis/document";
import { numbering } from "../emphasis/numbering";
import type { Piece } from "../emphasis/pieces";
import { readText, writeText } from "./clipboard";

export interface FieldWishes {
  /** Ids of the elements that name and describe the field. */
  readonly labelledBy: string;
  readonly describedBy: string;
  /** What stands in the field while it is empty. */
  readonly hint: string;
  /** The factor of spans that have none of their own. */
  readonly byDefault: () => number;
  readonly changed: () => void;
  readonly send: () => void;
  /** Tell people who hear the page what happened. */
  readonly say: (words: string) => void;
  readonly focused: (field: Field) => void;
}

export class Field {
  private readonly view: EditorView;
  private readonly plugins;

  constructor(place: HTMLElement, wishes: FieldWishes) {
    this.plugins = [history(), numbering(), keymap(keys(wishes)), keymap(baseKeymap)];
    this.view = new EditorView(place, {
      state: this.fresh([]),
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-labelledby": wishes.labelledBy,
        "aria-describedby": wishes.describedBy,
        "aria-placeholder": wishes.hint,
        spellcheck: "false",
      },
      clipboardTextParser: readText,
      clipboardTextSerializer: writeText,
      handleKeyDown: () => {
        this.catchUp();
        return false;
      },
      handleDOMEvents: {
        focus: () => {
          wishes.focused(this);
          return false;
        },
      },
      dispatchTransaction: (change) => {
        this.view.updateState(this.view.state.apply(change));
        this.markEmpty();
        const said: unknown = change.getMeta(SAID);
        if (typeof said === "string") wishes.say(said);
        wishes.changed();
      },
    });
    this.markEmpty();
  }

  /** What stands in the field. */
  get pieces(): Piece[] {
    return piecesOf(this.view.state.doc);
  }

  get spans(): Span[] {
    return spansOf(this.view.state.doc);
  }

  /** Numbers of the spans at the cursor, when the field has the focus. */
  get current(): Set<number> {
    return new Set(this.view.hasFocus() ? touched(this.view.state).map((span) => span.id) : []);
  }

  /** Put other words in the field, as if it were new: there is nothing to undo. */
  set(pieces: readonly Piece[]): void {
    this.view.updateState(this.fresh(pieces));
    this.markEmpty();
  }

  /** Run a command and tell whether it applied. */
  run(command: Command): boolean {
    this.catchUp();
    return command(this.view.state, this.view.dispatch, this.view);
  }

  focus(): void {
    this.view.focus();
  }

  /**
   * Take over the selection as it is on the screen.
   *
   * A busy browser hands on keys and clicks before it tells of the selection that they are meant for: without this, a
   * command would work on an older one. The editor reads the selection by itself whenever it is told that it changed.
   */
  private catchUp(): void {
    document.dispatchEvent(new Event("selectionchange"));
  }

  private fresh(pieces: readonly Piece[]): EditorState {
    return EditorState.create({ doc: documentOf(pieces), plugins: this.plugins });
  }

  private markEmpty(): void {
    const { doc } = this.view.state;
    this.view.dom.classList.toggle("empty", doc.childCount === 1 && doc.textContent === "");
  }
}

function keys(wishes: FieldWishes): Record<string, Command> {
  return {
    "Mod-b": emphasise,
    "Mod-Shift-b": suppress,
    "Mod-\\": clear,
    "Alt-ArrowUp": nudge(1, wishes.byDefault),
    "Alt-ArrowDown": nudge(-1, wishes.byDefault),
    "Mod-z": undo,
    "Mod-Shift-z": redo,
    "Mod-y": redo,
    "Mod-Enter": () => {
      wishes.send();
      return true;
    },
  };
}
