/** The panel that explains the steered answer: it asks only when somebody wants to know, for that takes its time. */

import { type Client, isAbort } from "./api/client";
import { asking, type Prompt, type Settings } from "./api/conversation";
import type { Why } from "./api/types";
import type { Say } from "./view/announcer";
import { complaint } from "./view/answer";
import { at, el } from "./view/dom";
import { drawWhy } from "./view/why";

export interface WhyWishes {
  readonly client: Client;
  /** The conversation whose last steered answer can be explained, if there is one. */
  readonly explainable: () => Prompt | null;
  readonly settings: () => Settings;
  readonly failed: (error: unknown) => void;
  readonly say: Say;
}

export class WhyPanel {
  private readonly place = at("why", HTMLElement);
  private readonly button = at("why-ask", HTMLButtonElement);
  private readonly each = at("why-each", HTMLInputElement);
  private control = new AbortController();

  constructor(private readonly wishes: WhyWishes) {
    this.button.addEventListener("click", () => void this.ask());
  }

  /** An answer is on its way, or has come: what was explained is of another one. */
  update(runs: boolean): void {
    this.control.abort();
    const ready = !runs && this.wishes.explainable() !== null;
    this.button.disabled = !ready;
    this.clear(ready ? "The steered answer can be explained now." : "There is no steered answer to explain.");
  }

  private async ask(): Promise<void> {
    const { client, explainable, settings, failed, say } = this.wishes;
    const prompt = explainable();
    if (!prompt) return;
    this.control.abort();
    const control = (this.control = new AbortController());
    this.clear(this.each.checked ? "Looking, head by head…" : "Looking…");
    say("The answer is being explained.");
    try {
      const body = asking(prompt, settings(), this.each.checked);
      drawWhy(this.place, await client.post<Why>("v1/boldface/explain", body, control.signal));
      say("The answer is explained.");
    } catch (error) {
      if (isAbort(error)) return;
      this.place.replaceChildren(complaint(error));
      failed(error);
    }
  }

  private clear(words: string): void {
    this.place.replaceChildren(el("p", { class: "nothing" }, words));
  }
}
