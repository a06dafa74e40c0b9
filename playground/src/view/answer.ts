/** One answer as it comes, and what became of it. */

import { isAbort } from "../api/client";
import { type Pace, tell } from "../api/pace";
import type { Side } from "../api/conversation";
import type { Protected, Refused, Steered } from "../api/types";
import { show } from "../emphasis/factor";
import { count } from "./amounts";
import { el } from "./dom";

const TITLES: Record<Side, string> = { plain: "Plain", steered: "Steered" };
const ENDS: Record<string, string> = {
  length: "cut at the longest length",
  timeout: "cut by the server's time limit",
  error: "ended by an error of the server",
};

export class AnswerView {
  readonly element: HTMLElement;
  private readonly text = el("p", { class: "text" });
  private readonly facts = el("p", { class: "facts" });
  private written = document.createTextNode("");

  constructor(side: Side, turn: number) {
    const id = `answer-${turn}-${side}`;
    const title = el("h3", { id }, TITLES[side]);
    this.element = el("article", { class: `answer ${side}`, "aria-labelledby": id, "aria-busy": "true" }, title);
    this.text.append(this.written);
    this.element.append(this.text, this.facts);
  }

  /** What has come so far. */
  get words(): string {
    return this.written.data;
  }

  write(text: string): void {
    this.written.appendData(text);
  }

  /** The answer is complete. */
  end(pace: Pace, finish: string | null): void {
    this.settle(tell(pace), ...(finish !== null && ENDS[finish] ? [ENDS[finish]] : []));
  }

  /** The answer failed, or was stopped. */
  fail(error: unknown): void {
    if (isAbort(error)) return this.settle("stopped");
    this.element.classList.add("failed");
    this.settle("no answer");
    this.element.append(complaint(error));
  }

  /** There is nothing to ask for, because it would be the other side's answer. */
  same(why: string): void {
    this.element.classList.add("same");
    this.settle(why);
  }

  /** Say what was steered, and what was to be and was not. */
  tellSteering({ tokens, heads, strength, routes, refused, protected: safe }: Steered): void {
    const hit = tokens.reduce((sum, { start, end }) => sum + end - start, 0);
    const facts = [
      `${count(hit, "token")} in ${count(Object.keys(heads).length, "head")}`,
      strength === null ? "" : `default ${show(Math.exp(strength))}`,
      routes.length === 0 ? "" : `${routes.length === 1 ? "route" : "routes"} ${routes.join(", ")}`,
    ];
    this.element.append(el("p", { class: "facts" }, facts.filter((fact) => fact !== "").join(" · ")));
    this.element.append(...verdicts(refused, safe));
  }

  private settle(...facts: string[]): void {
    this.facts.textContent = facts.join(" · ");
    this.element.setAttribute("aria-busy", "false");
  }
}

/** List what was not emphasised, and why; and what was lifted along, so that nothing lesser outweighs it. */
export function verdicts(refused: readonly Refused[], safe: readonly Protected[]): HTMLElement[] {
  const no = refused.map(({ text, reason }) => el("li", {}, `“${text}”: ${reason}`));
  const yes = safe.map(({ text, source, strength }) =>
    el("li", {}, `“${text}” (${source}), ${show(Math.exp(strength))}`),
  );
  const list = (title: string, items: HTMLElement[]): HTMLElement[] =>
    items.length === 0 ? [] : [el("div", { class: "verdicts" }, el("p", {}, title), el("ul", {}, ...items))];
  return [...list("Not emphasised:", no), ...list("Lifted along, so that the user's words do not drown them:", yes)];
}

/** Say what went wrong, and what to do about it. */
export function complaint(error: unknown): HTMLElement {
  return el("p", { class: "complaint", role: "alert" }, error instanceof Error ? error.message : String(error));
}
