/** Sharing: a prompt as a link, a request as curl or Python; copied where the browser allows it, and shown in any case. */

import type { ChatBody } from "./api/types";
import { type Shared, writeLink } from "./share/link";
import { curlOf, pythonOf } from "./share/snippets";
import type { Say } from "./view/announcer";
import { at } from "./view/dom";

export interface SharingWishes {
  readonly base: string;
  readonly shared: () => Shared;
  /** The request as it would be sent; null when the settings cannot be used. */
  readonly body: () => ChatBody | null;
  readonly keyed: () => boolean;
  readonly say: Say;
}

/** Let the buttons share. */
export function sharing({ base, shared, body, keyed, say }: SharingWishes): void {
  const panel = at("copied", HTMLElement);
  const note = at("copied-note", HTMLElement);
  const text = at("copied-text", HTMLTextAreaElement);

  const give = async (what: string, written: string): Promise<void> => {
    text.value = written;
    text.rows = Math.min(16, written.split("\n").length + 1);
    panel.hidden = false;
    const copied = await navigator.clipboard?.writeText(written).then(
      () => true,
      () => false,
    );
    note.textContent = copied ? `${what}: copied.` : `${what}: copy it from here.`;
    say(note.textContent);
    if (!copied) text.select();
  };

  at("share", HTMLButtonElement).addEventListener("click", () => {
    const hash = writeLink(shared());
    history.replaceState(null, "", hash);
    void give("Link", new URL(hash, base).href);
  });
  for (const [id, what, write] of [
    ["curl", "curl", curlOf],
    ["python", "Python", pythonOf],
  ] as const) {
    at(id, HTMLButtonElement).addEventListener("click", () => {
      const request = body();
      if (request) void give(what, write(request, { base, keyed: keyed() }));
    });
  }
  at("copied-close", HTMLButtonElement).addEventListener("click", () => {
    panel.hidden = true;
    at("share", HTMLButtonElement).focus();
  });
}
