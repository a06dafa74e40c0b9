/** Why an answer is what it is: the answer token by token, and the heads that made it so. */

import type { ExplainedHead, ExplainedToken, Shift, Why } from "../api/types";
import { count, signed } from "./amounts";
import { el, svg } from "./dom";
import { rove } from "./rove";
import { DIVERGENCES, percent, shadeOfDivergence } from "./shades";
import { foldedTable } from "./table";
import { visible } from "./visible";

/** Heads that are named on each side. */
const SHOWN = 6;
const WIDTH = 240;
const HEIGHT = 14;

type Named = [name: string, head: ExplainedHead];

/** Return what a head did to the answer, in nats: measured where it was left out, else what its slope expects. */
export function weightOf({ effect, expected }: ExplainedHead): number {
  return effect ?? expected ?? 0;
}

/** Say in a few sentences what the emphasis did. */
export function verdictOf({ emphasis, answer_tokens: tokens, first_different: first, ...told }: Why): string[] {
  const way = emphasis.after > emphasis.before ? "rose" : "fell";
  const attention = `attention on the emphasised words ${way} from ${percent(emphasis.before)} to ${percent(emphasis.after)}`;
  const moved = `The steered heads' ${attention} while the answer was written.`;
  const gained = told.steered_logprob - told.plain_logprob;
  const size = Math.abs(gained) > 20 ? `10^${Math.round(Math.abs(gained) / Math.LN10)}` : times(gained);
  const likelier =
    Math.abs(gained) < 0.1
      ? "With the emphasis this whole answer is about as likely as without."
      : `With the emphasis this whole answer is ${size} times ${gained > 0 ? "likelier" : "less likely"} than without.`;
  const token = first === null ? undefined : tokens[first];
  if (first === null || !token)
    return [moved, "The plain model would have chosen the same words everywhere.", likelier];
  const instead = `“${seen(token.plain_choice)}” and not “${seen(token.text)}”`;
  const parting =
    first === 0
      ? `From the first token on it is another answer: the plain model would have begun with ${instead}.`
      : `For ${count(first, "token")} of ${tokens.length} the plain model writes the same; then it would have written ${instead}.`;
  return [moved, parting, likelier];
}

function times(gained: number): string {
  return String(Number(Math.exp(Math.abs(gained)).toPrecision(3)));
}

/** Draw what the server says about an answer in place of what was there. */
export function drawWhy(place: HTMLElement, told: Why): void {
  const steered = Object.entries(told.heads).filter(([, head]) => head.gain !== 0);
  const ranked = steered.sort(([, one], [, other]) => weightOf(other) - weightOf(one));
  const helpers = ranked.filter(([, head]) => weightOf(head) > 0).slice(0, SHOWN);
  const others = ranked.filter(([, head]) => weightOf(head) < 0).slice(-SHOWN);
  const measured = steered.some(([, head]) => head.effect !== null);
  const largest = Math.max(1e-9, ...[...helpers, ...others].map(([, head]) => Math.abs(weightOf(head))));
  const how = measured
    ? "By how many nats each head's steering made this answer likelier: it was left out, and the answer scored again."
    : "By how many nats each head's steering should make this answer likelier, as its slope says (gradient × gain).";
  const agreed =
    told.agreement === null ? "" : ` Their slopes rank them alike: Spearman's ρ = ${told.agreement.toFixed(2)}.`;
  place.replaceChildren(
    el("ul", { class: "verdict" }, ...verdictOf(told).map((words) => el("li", {}, words))),
    el("h3", {}, "What the emphasis changed in the answer"),
    ...answerOf(told.answer_tokens),
    el("h3", {}, "Which heads did it"),
    el("p", { class: "note" }, how + agreed),
    el(
      "div",
      { class: "pair" },
      bars("For this answer", helpers, largest),
      bars("Against it", others.reverse(), largest),
    ),
    table(told),
  );
}

function answerOf(tokens: readonly ExplainedToken[]): HTMLElement[] {
  const readout = el("p", { class: "readout" }, "Point at a token, or walk over them with the arrow keys.");
  const drawn = tokens.map((token) => {
    const shade = String(shadeOfDivergence(token.divergence));
    const about = { role: "option", "aria-selected": "false", "aria-label": sentence(token), "data-shade": shade };
    const element = el("span", { class: "token", ...about }, visible(token.text));
    element.classList.toggle("differs", token.differs);
    return element;
  });
  rove(drawn, {
    across: 1,
    arrived: (index) => {
      drawn.forEach((element, at) => element.setAttribute("aria-selected", String(at === index)));
      const token = tokens[index];
      if (token) readout.textContent = sentence(token);
    },
  });
  const swatch = (attributes: { class: string; "data-shade"?: string }, words: string): HTMLElement =>
    el("span", { class: "swatch" }, el("span", attributes, "\u2002"), words);
  const legend = [
    ...DIVERGENCES.map((least, index) => swatch({ class: "token", "data-shade": String(index + 1) }, `≥ ${least}`)),
    el("span", {}, "nats of KL divergence from the plain model"),
    swatch({ class: "token differs" }, "the plain model would have chosen another token"),
  ];
  return [
    el("div", { class: "tokens", role: "listbox", "aria-label": "Tokens of the answer" }, ...drawn),
    readout,
    el("div", { class: "legend", "aria-hidden": "true" }, ...legend),
  ];
}

function sentence({ text, differs, plain_choice: choice, divergence, before, after }: ExplainedToken): string {
  const instead = differs ? `the plain model would have written “${seen(choice)}”; ` : "";
  const looked = `attention on the emphasis ${percent(before)} plain, ${percent(after)} steered`;
  return `“${seen(text)}”: ${instead}changed by ${divergence.toFixed(2)} nats; ${looked}`;
}

/** A token's text, with spaces to be seen where there is nothing else. */
function seen(text: string): string {
  const shown = visible(text, true);
  return text.trim() === "" ? shown.replaceAll(" ", "␣") : shown;
}

function bars(title: string, named: readonly Named[], largest: number): HTMLElement {
  const rows = named.map(([name, head]) => {
    const weight = weightOf(head);
    const width = Math.max(1, (WIDTH * Math.abs(weight)) / largest);
    const side = weight > 0 ? "towards" : "away";
    const bar = svg("rect", { x: 0, y: 1, width, height: HEIGHT - 2, rx: 1, class: side });
    const looks = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    const facts = `gain ${signed(head.gain)}, on the emphasis ${moved(onEmphasis(head))}`;
    return el(
      "li",
      {},
      el("span", { class: "name" }, name),
      svg("svg", looks, bar),
      el("span", { class: "amount" }, signed(weight)),
      el("span", { class: "facts" }, facts),
    );
  });
  const list = rows.length === 0 ? el("p", { class: "nothing" }, "None.") : el("ol", { class: "bars" }, ...rows);
  return el("div", {}, el("h3", {}, title), list);
}

function onEmphasis({ spans }: ExplainedHead): Shift {
  const sum = (side: keyof Shift): number => spans.reduce((total, span) => total + span[side], 0);
  return { before: sum("before"), after: sum("after") };
}

function moved({ before, after }: Shift): string {
  return `${percent(before)} → ${percent(after)}`;
}

function table({ heads }: Why): HTMLElement {
  const rows = Object.entries(heads).map(([name, head]) => [
    name,
    head.gain === 0 ? "" : signed(head.gain),
    head.effect === null ? "" : signed(head.effect),
    head.expected === null || head.gain === 0 ? "" : signed(head.expected),
    ...head.spans.map(moved),
  ]);
  const spans = Object.values(heads)[0]?.spans.map((_, index) => `On span ${index + 1}`) ?? [];
  return foldedTable("Every head as a table", ["Head", "Gain", "Left out, nats", "By slope, nats", ...spans], rows);
}
