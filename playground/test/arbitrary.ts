/** What the laws are tried on. */

import fc from "fast-check";

import type { ChatBody, Message } from "../src/api/types";
import { factorAt, LAST_POSITION, type Weight } from "../src/emphasis/factor";
import { contentOf, type Piece } from "../src/emphasis/pieces";

/** Texts of all scripts, with quotes, markup, line ends and empty ones among them. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.stringMatching(/^[a-c \n\r\t'"$`\\<>&]{0,12}$/),
  fc.constantFrom("", "\n", "\r\n", "**bold**", "<img src=x onerror=alert(1)>", "'; rm -rf / #", "é👩‍🚀"),
);

export const factor: fc.Arbitrary<number> = fc.integer({ min: -LAST_POSITION, max: LAST_POSITION }).map(factorAt);

export const weight: fc.Arbitrary<Weight | null> = fc.oneof(fc.constant(null), fc.constant("default" as const), factor);

export const pieces: fc.Arbitrary<Piece[]> = fc.array(fc.record({ text, weight }), { maxLength: 6 });

const message: fc.Arbitrary<Message> = fc.record({
  role: fc.constantFrom("system" as const, "user" as const, "assistant" as const),
  content: pieces.map(contentOf),
});

export const body: fc.Arbitrary<ChatBody> = fc.record(
  {
    model: text,
    messages: fc.array(message, { minLength: 1, maxLength: 3 }),
    max_completion_tokens: fc.nat(),
    temperature: fc.constantFrom(0, 0.7, 1),
    seed: fc.nat(),
    boldface: fc.record({ profile: text, factor, explain: fc.constant(true as const) }),
  },
  { requiredKeys: ["model", "messages", "max_completion_tokens", "temperature"] },
);
