/** Shades: how a token is coloured for how much attention it has, or how that changed. */

/** Ratios from which on a change has the first, second … shade. */
export const CHANGES = [1.25, 2, 5, 20] as const;

/** Multiples of an even spread from which on a share has the first, second … shade. */
export const SHARES = [0.5, 2, 8, 32] as const;

/** Nats of KL divergence from which on the emphasis has changed what comes a little, more … a lot. */
export const DIVERGENCES = [0.05, 0.3, 1, 3] as const;

/** Return the shade of a change: 0 for none, up to 4 for more attention, down to -4 for less. */
export function shadeOfChange(before: number, after: number): number {
  if (before === after) return 0;
  if (after < before) return -shadeOfChange(after, before) || 0;
  const ratio = after / before;
  return CHANGES.filter((least) => ratio >= least).length;
}

/** Return the shade of a share of the attention over so many tokens, from 0 to 4. */
export function shadeOfShare(share: number, tokens: number): number {
  return SHARES.filter((least) => share * tokens >= least).length;
}

/** Return the shade of a divergence, from 0 to 4. */
export function shadeOfDivergence(nats: number): number {
  return DIVERGENCES.filter((least) => nats >= least).length;
}

/** Write a share of the attention. */
export function percent(share: number): string {
  const whole = share * 100;
  if (whole === 0) return "0 %";
  if (whole < 0.01) return "under 0.01 %";
  return `${whole.toFixed(whole < 1 ? 2 : 1)} %`;
}

/** Write a change of the attention as a ratio. */
export function ratio(before: number, after: number): string {
  if (before === after) return "×1";
  if (before === 0) return "from nothing";
  const times = after / before;
  return times > 0 && times < 0.001 ? "under ×0.001" : `×${Number(times.toPrecision(3))}`;
}
