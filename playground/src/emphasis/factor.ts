/** Factors: how many times as much attention the words get; below 1 they are suppressed. */

/** What words weigh: a factor of their own, or whatever the profile says. */
export type Weight = number | "default";

export const LEAST = 0.01;
export const MOST = 100;

/** What "Suppress" gives to words that have no factor yet. */
export const SUPPRESSED = 0.1;

/** The slider goes in twentieths of a power of ten, from -40 to 40; 0 is the factor 1. */
export const STEPS = 20;
export const LAST_POSITION = Math.round(Math.log10(MOST) * STEPS);

/** Tell whether a value is a factor that the slider reaches. */
export function isFactor(value: unknown): value is number {
  return typeof value === "number" && value >= LEAST && value <= MOST;
}

/** Tell whether a value is a weight: "default" or a factor. */
export function isWeight(value: unknown): value is Weight {
  return value === "default" || isFactor(value);
}

/** Return the place of a factor on the slider; factors beyond its ends stand at the ends. */
export function positionOf(factor: number): number {
  const position = Math.round(Math.log10(factor) * STEPS);
  return Math.max(-LAST_POSITION, Math.min(LAST_POSITION, position));
}

/** Return the factor at a place of the slider, with three digits. */
export function factorAt(position: number): number {
  return Number((10 ** (position / STEPS)).toPrecision(3));
}

/** Return the factor that a weight comes to. */
export function factorOf(weight: Weight, byDefault: number): number {
  return weight === "default" ? byDefault : weight;
}

/** Tell whether a weight takes attention away; what the profile does by default lifts. */
export function suppresses(weight: Weight): boolean {
  return weight !== "default" && weight < 1;
}

/** Write a factor as people read it: ×31.6, ×0.05. */
export function show(factor: number): string {
  return `×${Number(factor.toPrecision(3))}`;
}

/** Return how far a factor is from 1, in four steps for styles; 0 only where it is 1. */
export function level(factor: number): 0 | 1 | 2 | 3 | 4 {
  const decades = Math.abs(Math.log10(factor));
  return Math.max(0, Math.min(4, Math.ceil(decades * 2 - 0.01))) as 0 | 1 | 2 | 3 | 4;
}
