import fc from "fast-check";
import { expect, test } from "vitest";

import {
  asking,
  bodyOf,
  explaining,
  isSteered,
  messagesOf,
  type Prompt,
  type Settings,
} from "../../src/api/conversation";
import type { ContentPart } from "../../src/emphasis/pieces";
import { factor, pieces, text } from "../arbitrary";

const turn = fc.record({ said: pieces, answers: fc.record({ plain: text, steered: text }) });
const prompts: fc.Arbitrary<Prompt> = fc.record({
  system: pieces,
  turns: fc.array(turn, { minLength: 1, maxLength: 3 }),
});
const settings: fc.Arbitrary<Settings> = fc.record({
  model: text,
  profile: text,
  factor: fc.option(factor),
  scope: fc.constantFrom(null, "all" as const, "answer" as const),
  temperature: fc.constantFrom(0, 1),
  longest: fc.nat(),
  seed: fc.option(fc.nat()),
  explain: fc.boolean(),
});

function textOf(content: string | ContentPart[]): string {
  return typeof content === "string" ? content : content.map((part) => part.text).join("");
}

test("both sides are asked the same words", () => {
  fc.assert(
    fc.property(prompts, (prompt) => {
      const words = (side: "plain" | "steered"): string[] =>
        messagesOf(prompt, side)
          .filter(({ role }) => role !== "assistant")
          .map(({ content }) => textOf(content));
      expect(words("steered")).toEqual(words("plain"));
    }),
  );
});

test("the plain side knows nothing of emphasis", () => {
  fc.assert(
    fc.property(prompts, settings, (prompt, wishes) => {
      const body = bodyOf(prompt, "plain", wishes);
      expect(body.messages.every(({ content }) => typeof content === "string")).toBe(true);
      expect("boldface" in body).toBe(false);
    }),
  );
});

test("without emphasis the steered side is the plain one", () => {
  fc.assert(
    fc.property(prompts, settings, (given, wishes) => {
      const plain = (list: Prompt["system"]): Prompt["system"] =>
        list.map(({ text: words }) => ({ text: words, weight: null }));
      const prompt = {
        system: plain(given.system),
        turns: given.turns.map(({ said, answers }) => ({
          said: plain(said),
          answers: { ...answers, steered: answers.plain },
        })),
      };
      expect(isSteered(prompt)).toBe(false);
      expect(bodyOf(prompt, "steered", wishes)).toEqual(bodyOf(prompt, "plain", wishes));
    }),
  );
});

test("how the attention moved is asked for apart from the answer, and of the same prompt", () => {
  fc.assert(
    fc.property(prompts, settings, (prompt, wishes) => {
      const { max_completion_tokens: longest, boldface, ...rest } = explaining(prompt, wishes);
      const { max_completion_tokens: _, boldface: asked, ...answer } = bodyOf(prompt, "steered", wishes);
      expect([longest, boldface]).toEqual([1, { ...asked, explain: true }]);
      expect(rest).toEqual(answer);
      expect(asked?.explain).toBeUndefined();
    }),
  );
});

test("each side goes on from its own answers, and the last turn waits for one", () => {
  fc.assert(
    fc.property(prompts, fc.constantFrom("plain" as const, "steered" as const), (prompt, side) => {
      const messages = messagesOf(prompt, side);
      const answers = messages.filter(({ role }) => role === "assistant").map(({ content }) => content);
      expect(answers).toEqual(prompt.turns.slice(0, -1).map((one) => one.answers[side]));
      expect(messages.at(-1)?.role).toBe("user");
    }),
  );
});

test("what is explained is the last steered answer to what it was asked with", () => {
  fc.assert(
    fc.property(prompts, settings, fc.boolean(), (prompt, wishes, each) => {
      const { answer, each_head: all, ...asked } = asking(prompt, wishes, each);
      const { messages, model, boldface = {} } = bodyOf(prompt, "steered", wishes);
      expect([answer, all]).toEqual([prompt.turns.at(-1)?.answers.steered, each]);
      expect(asked).toEqual({ messages, model, boldface });
    }),
  );
});
