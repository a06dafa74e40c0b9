/** What a prompt can be in the editor: lines of text, and one mark. All else that is pasted becomes this or vanishes. */

import { type Mark, Schema } from "prosemirror-model";

import { isWeight, level, suppresses, type Weight } from "./factor";

export const schema = new Schema({
  nodes: {
    doc: { content: "line+" },
    line: { content: "text*", parseDOM: [{ tag: "p" }, { tag: "div" }, { tag: "li" }], toDOM: () => ["p", 0] },
    text: {},
  },
  marks: {
    emphasis: {
      // `span` tells neighbours of the same weight apart, so that each keeps its own slider.
      attrs: { weight: { default: "default" }, span: { default: 0, validate: "number" } },
      parseDOM: [
        { tag: "mark[data-weight]", getAttrs: (node) => readWeight(node.getAttribute("data-weight")) },
        { tag: "mark" },
        { tag: "strong" },
        { tag: "b", getAttrs: (node) => (node.style.fontWeight === "normal" ? false : null) },
      ],
      toDOM: (mark) => {
        const weight = weightOf(mark);
        const kind = suppresses(weight) ? "suppressed" : "lifted";
        const style = weight === "default" ? kind : `${kind} level-${level(weight)}`;
        return ["mark", { class: style, "data-weight": String(weight) }, 0];
      },
    },
  },
});

export const emphasis = schema.marks.emphasis;

/** Return what a mark of the schema weighs. */
export function weightOf(mark: Mark): Weight {
  return mark.attrs["weight"] as Weight;
}

/** Return the number of the span that a mark belongs to. */
export function spanOf(mark: Mark): number {
  return mark.attrs["span"] as number;
}

function readWeight(said: string | null): { weight: Weight } | null {
  const weight = said === "default" ? said : Number(said);
  return isWeight(weight) ? { weight } : null;
}
