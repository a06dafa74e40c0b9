/** A table in a fold: what a picture says, in words and figures. */

import { el } from "./dom";

/** Make the fold; the first cell of each row names it. */
export function foldedTable(
  summary: string,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): HTMLElement {
  const head = el("tr", {}, ...headings.map((words) => el("th", { scope: "col" }, words)));
  const body = rows.map(([name = "", ...cells]) =>
    el("tr", {}, el("th", { scope: "row" }, name), ...cells.map((words) => el("td", {}, words))),
  );
  const table = el(
    "table",
    {},
    el("caption", { class: "unseen" }, summary),
    el("thead", {}, head),
    el("tbody", {}, ...body),
  );
  const frame = el("div", { class: "frame", tabindex: "0", role: "region", "aria-label": summary }, table);
  return el("details", {}, el("summary", {}, summary), frame);
}
