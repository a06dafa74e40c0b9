import fc from "fast-check";
import { expect, test } from "vitest";

import type { Why } from "../../src/api/types";
import { verdictOf, weightOf } from "../../src/view/why";

const share = fc.double({ min: 0, max: 1, noNaN: true });
const token = fc.record({
  text: fc.string({ minLength: 1 }),
  plain_choice: fc.string({ minLength: 1 }),
  divergence: share,
  differs: fc.boolean(),
  before: share,
  after: share,
});
const told: fc.Arbitrary<Why> = fc.record({
  first_different: fc.constantFrom(null, 0, 1),
  plain_logprob: fc.double({ min: -90, max: 0, noNaN: true }),
  steered_logprob: fc.double({ min: -90, max: 0, noNaN: true }),
  emphasis: fc.record({ before: share, after: share }),
  agreement: fc.constant(null),
  answer_tokens: fc.array(token, { minLength: 2, maxLength: 2 }),
  heads: fc.constant({}),
});

test("the verdict is three sentences, and the middle one tells the parting token", () => {
  fc.assert(
    fc.property(told, (why) => {
      const [, parting = "", likelier = "", ...more] = verdictOf(why);
      expect(more).toEqual([]);
      expect(parting.includes("the same words everywhere")).toBe(why.first_different === null);
      expect(parting.startsWith("From the first token")).toBe(why.first_different === 0);
      const gained = why.steered_logprob - why.plain_logprob;
      expect(likelier.includes("less likely")).toBe(gained <= -0.1);
    }),
  );
});

test("what was measured counts before what is expected", () => {
  const head = { gain: 1, spans: [] };
  expect(weightOf({ ...head, effect: 0.5, expected: -2 })).toBe(0.5);
  expect(weightOf({ ...head, effect: null, expected: -2 })).toBe(-2);
  expect(weightOf({ ...head, effect: null, expected: null })).toBe(0);
});
