import fc from "fast-check";
import { expect, test } from "vitest";

import { target } from "../../src/view/rove";

test("arrow keys never leave the map, and come back the way they went", () => {
  const back: Record<string, string> = {
    ArrowLeft: "ArrowRight",
    ArrowRight: "ArrowLeft",
    ArrowUp: "ArrowDown",
    ArrowDown: "ArrowUp",
  };
  const place = fc.tuple(fc.nat(199), fc.integer({ min: 1, max: 30 }), fc.constantFrom(...Object.keys(back)));
  fc.assert(
    fc.property(place, ([index, across, key]) => {
      const next = target(key, index, 200, across);
      if (next === null) return;
      expect(next).toBeGreaterThanOrEqual(0);
      expect(next).toBeLessThan(200);
      expect(target(back[key] ?? "", next, 200, across)).toBe(index);
    }),
  );
});

test("Home and End are the first and the last; other keys lead nowhere", () => {
  expect(["Home", "End", "a", "Tab"].map((key) => target(key, 5, 10, 3))).toEqual([0, 9, null, null]);
});
