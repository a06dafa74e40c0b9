/** Says things to people who hear the page, without moving their focus. */

export type Say = (words: string) => void;

/** Return a function that speaks through a live region. */
export function announcer(region: HTMLElement): Say {
  return (words) => {
    // The same words again would be no change and stay silent.
    region.textContent = region.textContent === words ? `${words}\u00a0` : words;
  };
}
