import fc from "fast-check";
import { expect, test } from "vitest";

import { factorAt, isFactor, LAST_POSITION, LEAST, level, MOST, positionOf, show } from "../../src/emphasis/factor";

const position = fc.integer({ min: -LAST_POSITION, max: LAST_POSITION });

test("every place of the slider is the place of its factor", () => {
  fc.assert(fc.property(position, (place) => positionOf(factorAt(place)) === place));
});

test("the slider goes up with the factor, from end to end, through 1", () => {
  fc.assert(fc.property(position, (place) => place === LAST_POSITION || factorAt(place) < factorAt(place + 1)));
  expect([factorAt(-LAST_POSITION), factorAt(0), factorAt(LAST_POSITION)]).toEqual([LEAST, 1, MOST]);
});

test("a factor beyond the slider stands at its end", () => {
  expect(positionOf(1e9)).toBe(LAST_POSITION);
  expect(positionOf(1e-9)).toBe(-LAST_POSITION);
});

test.each([NaN, Infinity, 0, -1, 101, 0.001, "10", null, undefined, [10]])("%s is no factor", (value) => {
  expect(isFactor(value)).toBe(false);
});

test("levels tell how far a factor is from 1, alike on both sides", () => {
  expect([1, 1.12, 3.16, 3.5, 10, 31.6, 35, 100].map(level)).toEqual([0, 1, 1, 2, 2, 3, 4, 4]);
  fc.assert(fc.property(position, (place) => level(factorAt(place)) === level(factorAt(-place))));
});

test("factors are written as people read them", () => {
  expect([100, 31.6227, 1, 0.1, 0.0316].map(show)).toEqual(["×100", "×31.6", "×1", "×0.1", "×0.0316"]);
});
