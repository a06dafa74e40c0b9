/** The clipboard: lines stay lines, in and out. */

import { Fragment, Slice } from "prosemirror-model";

import { schema } from "../emphasis/schema";

/** Read pasted text: one line of it is one line of the document. */
export function readText(text: string): Slice {
  const lines = text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => schema.node("line", null, line === "" ? [] : [schema.text(line)]));
  return new Slice(Fragment.fromArray(lines), 1, 1);
}

/** Write copied text, without the blank lines that an editor of paragraphs puts between them. */
export function writeText(slice: Slice): string {
  return slice.content.textBetween(0, slice.content.size, "\n");
}
