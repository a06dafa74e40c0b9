/** The preview under the prompt: which tokens the emphasis hits, said while one types. */

import { type Client, isAbort } from "../api/client";
import type { ChatBody, Preview } from "../api/types";
import { level, show } from "../emphasis/factor";
import { complaint, verdicts } from "./answer";
import { el } from "./dom";
import { visible } from "./visible";

const PAUSE = 350;

export class PreviewView {
  private timer = 0;
  private control = new AbortController();

  constructor(
    private readonly client: Client,
    private readonly place: HTMLElement,
  ) {}

  /** Ask again, once the typing pauses; null: there is nothing to preview. */
  update(body: ChatBody | null): void {
    window.clearTimeout(this.timer);
    this.control.abort();
    if (body === null) return this.place.replaceChildren();
    this.timer = window.setTimeout(() => void this.ask(body), PAUSE);
  }

  private async ask(body: ChatBody): Promise<void> {
    this.control = new AbortController();
    try {
      this.draw(await this.client.post<Preview>("v1/boldface/preview", body, this.control.signal));
    } catch (error) {
      if (!isAbort(error)) this.place.replaceChildren(complaint(error));
    }
  }

  private draw({ tokens, refused, protected: safe, prompt_tokens: all }: Preview): void {
    const hit = tokens.filter((token) => token.strength !== 0);
    const words =
      hit.length === 0 ? `${all} prompt tokens, none emphasised.` : `${hit.length} of ${all} prompt tokens:`;
    const chips = hit.map(({ text, strength }) =>
      el(
        "span",
        {
          class: `chip ${strength < 0 ? "suppressed" : "lifted"} level-${level(Math.exp(strength))}`,
          title: show(Math.exp(strength)),
        },
        visible(text, true),
      ),
    );
    this.place.replaceChildren(el("p", {}, words, ...chips.flatMap((chip) => [" ", chip])));
    this.place.append(...verdicts(refused, safe));
  }
}
