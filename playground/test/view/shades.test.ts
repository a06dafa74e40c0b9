import fc from "fast-check";
import { expect, test } from "vitest";

import { percent, ratio, shadeOfChange, shadeOfDivergence, shadeOfShare } from "../../src/view/shades";

const share = fc.double({ min: 1e-9, max: 1, noNaN: true });

test("more and less attention have the same shades on either side", () => {
  fc.assert(
    fc.property(
      share,
      share,
      (one, other) => shadeOfChange(one, other) === -shadeOfChange(other, one) || one === other,
    ),
  );
});

test("shades of a change grow with it", () => {
  expect([1, 1.3, 3, 10, 100].map((times) => shadeOfChange(0.01, 0.01 * times))).toEqual([0, 1, 2, 3, 4]);
  expect(shadeOfChange(0, 0)).toBe(0);
  expect(shadeOfChange(0, 0.1)).toBe(4);
  expect(shadeOfChange(0.1, 0)).toBe(-4);
});

test("shades of a share are told against an even spread", () => {
  expect([0.1, 1, 4, 16, 50].map((times) => shadeOfShare(times / 100, 100))).toEqual([0, 1, 2, 3, 4]);
});

test("shares and ratios are written as people read them", () => {
  expect([0, 0.00001, 0.0042, 0.123, 1].map(percent)).toEqual(["0 %", "under 0.01 %", "0.42 %", "12.3 %", "100.0 %"]);
  expect([ratio(0.1, 0.1), ratio(0, 0.1), ratio(0.01, 0.3), ratio(1, 1e-6)]).toEqual([
    "×1",
    "from nothing",
    "×30",
    "under ×0.001",
  ]);
});

test("shades of a divergence grow with it", () => {
  expect([0, 0.05, 0.3, 1, 3].map(shadeOfDivergence)).toEqual([0, 1, 2, 3, 4]);
});
