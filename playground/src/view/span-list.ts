/** The list of a field's spans, each with its slider. */

import { reweigh } from "../emphasis/commands";
import type { Span } from "../emphasis/document";
import {
  factorAt,
  factorOf,
  LAST_POSITION,
  level,
  positionOf,
  show,
  suppresses,
  type Weight,
} from "../emphasis/factor";
import type { Field } from "../editor/field";
import { button, el } from "./dom";

const LONGEST = 48;

interface Row {
  readonly item: HTMLLIElement;
  readonly words: HTMLElement;
  readonly slider: HTMLInputElement;
  readonly factor: HTMLElement;
  readonly reset: HTMLButtonElement;
  readonly remove: HTMLButtonElement;
}

export class SpanList {
  private readonly rows = new Map<number, Row>();

  constructor(
    private readonly list: HTMLUListElement,
    private readonly field: Field,
    private readonly byDefault: () => number,
  ) {}

  /** Show the spans as they are now. Rows that stay are kept, and a slider with them that is being dragged. */
  update(): void {
    const { spans, current } = this.field;
    const gone = new Set(this.rows.keys());
    spans.forEach((span, index) => {
      gone.delete(span.id);
      const row = this.rows.get(span.id) ?? this.add(span.id);
      if (this.list.children[index] !== row.item) this.list.insertBefore(row.item, this.list.children[index] ?? null);
      this.fill(row, span, current.has(span.id));
    });
    for (const id of gone) this.drop(id);
    this.list.hidden = spans.length === 0;
  }

  private fill(row: Row, { text, weight }: Span, current: boolean): void {
    const factor = factorOf(weight, this.byDefault());
    const words = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
    const own = weight !== "default";
    row.item.className = `${suppresses(weight) ? "suppressed" : "lifted"} level-${level(factor)}`;
    row.item.classList.toggle("current", current);
    row.words.textContent = words;
    row.slider.value = String(positionOf(factor));
    row.slider.setAttribute("aria-label", `Factor of “${words}”`);
    row.slider.setAttribute("aria-valuetext", own ? show(factor) : `${show(factor)}, by default`);
    row.factor.textContent = own ? show(factor) : `${show(factor)} default`;
    row.reset.hidden = !own;
    row.reset.setAttribute("aria-label", `Default factor for “${words}”`);
    row.remove.setAttribute("aria-label", `No emphasis on “${words}”`);
  }

  private add(id: number): Row {
    const give = (weight: Weight | null): void => void this.field.run(reweigh(id, weight));
    const row: Row = {
      item: el("li"),
      words: el("span", { class: "words" }),
      slider: el("input", { type: "range", min: String(-LAST_POSITION), max: String(LAST_POSITION), step: "1" }),
      factor: el("span", { class: "factor" }), // silent: the slider says it
      reset: button("default", { class: "quiet" }, () => {
        row.slider.focus(); // the button is about to go
        give("default");
      }),
      remove: button("×", { class: "quiet", title: "No emphasis" }, () => {
        give(null);
        this.field.focus();
      }),
    };
    row.slider.addEventListener("input", () => give(factorAt(row.slider.valueAsNumber)));
    row.item.append(row.words, row.slider, row.factor, row.reset, row.remove);
    this.rows.set(id, row);
    return row;
  }

  private drop(id: number): void {
    this.rows.get(id)?.item.remove();
    this.rows.delete(id);
  }
}
