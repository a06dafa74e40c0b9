/** The heat map: the prompt as tokens, coloured by where the last prompt token looks, plain and steered. */

import type { Explanation } from "../api/types";
import { show } from "../emphasis/factor";
import { el } from "./dom";
import { rove } from "./rove";
import { CHANGES, percent, ratio, SHARES, shadeOfChange, shadeOfShare } from "./shades";
import { foldedTable } from "./table";
import { visible } from "./visible";

type Look = "change" | "before" | "after";
type Token = Explanation["tokens"][number];

const LOOKS: Record<Look, string> = { change: "Change", before: "Plain", after: "Steered" };

export class HeatMap {
  private look: Look = "change";

  constructor(private readonly place: HTMLElement) {}

  /** Draw the explanation of one answer in place of what was there. */
  show({ tokens }: Explanation): void {
    const readout = el("p", { class: "readout" });
    const legend = el("div", { class: "legend", "aria-hidden": "true" });
    const drawn = tokens.map((token) =>
      el(
        "span",
        { role: "option", class: "token", "aria-selected": "false", "aria-label": sentence(token) },
        visible(token.text),
      ),
    );
    drawn.forEach((element, index) => element.classList.toggle("marked", tokens[index]?.strength !== 0));
    const paint = (): void => {
      drawn.forEach((element, index) => {
        const token = tokens[index];
        if (token) element.dataset["shade"] = String(this.shade(token, tokens.length));
      });
      legend.replaceChildren(...legendOf(this.look));
    };
    rove(drawn, {
      across: 1,
      arrived: (index) => {
        drawn.forEach((element, place) => element.setAttribute("aria-selected", String(place === index)));
        const token = tokens[index];
        if (token) readout.textContent = sentence(token);
      },
    });
    readout.textContent = "Point at a token, or walk over them with the arrow keys.";
    const list = el("div", { class: "tokens", role: "listbox", "aria-label": "Tokens of the prompt" }, ...drawn);
    this.place.replaceChildren(this.choice(paint), list, readout, legend, table(tokens));
    paint();
  }

  /** Say why there is nothing to see. */
  clear(why: string | Node): void {
    this.place.replaceChildren(typeof why === "string" ? el("p", { class: "nothing" }, why) : why);
  }

  private shade({ before, after }: Token, count: number): number {
    if (this.look === "change") return shadeOfChange(before, after);
    return shadeOfShare(this.look === "before" ? before : after, count);
  }

  private choice(paint: () => void): HTMLElement {
    const choices = (Object.keys(LOOKS) as Look[]).map((look) => {
      const radio = el("input", { type: "radio", name: "look", value: look });
      radio.checked = look === this.look;
      radio.addEventListener("change", () => {
        this.look = look;
        paint();
      });
      return el("label", {}, radio, LOOKS[look]);
    });
    return el("div", { class: "choice", role: "radiogroup", "aria-label": "What the colours show" }, ...choices);
  }
}

function sentence({ text, before, after, strength }: Token): string {
  const weight = strength === 0 ? "" : `, emphasis ${show(Math.exp(strength))}`;
  return `“${visible(text, true).trim()}”: ${percent(before)} plain, ${percent(after)} steered, ${ratio(before, after)}${weight}`;
}

function legendOf(look: Look): HTMLElement[] {
  const swatch = (shade: number, words: string): HTMLElement =>
    el("span", { class: "swatch" }, el("span", { class: "token", "data-shade": String(shade) }, "\u2002"), words);
  if (look !== "change")
    return [...SHARES.map((least, index) => swatch(index + 1, `≥ ${least}`)), el("span", {}, "times an even spread")];
  const less = [...CHANGES].reverse().map((least, index) => swatch(index - CHANGES.length, `÷${least}`));
  return [...less, ...CHANGES.map((least, index) => swatch(index + 1, `×${least}`)), el("span", {}, "or more")];
}

function table(tokens: readonly Token[]): HTMLElement {
  const rows = tokens.map(({ text, before, after, strength }) => [
    visible(text, true),
    percent(before),
    percent(after),
    ratio(before, after),
    strength === 0 ? "" : show(Math.exp(strength)),
  ]);
  return foldedTable("Attention as a table", ["Token", "Plain", "Steered", "Change", "Emphasis"], rows);
}
