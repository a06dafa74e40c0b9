import fc from "fast-check";
import { expect, test } from "vitest";

import { EventReader } from "../../src/api/events";

const line = fc.stringMatching(/^[a-zé: {}"\\]{0,8}$/);
const end = fc.constantFrom("\n", "\r\n", "\r");

test("events are the same however their text is cut", () => {
  const event = fc.record({ data: fc.array(line, { minLength: 1, maxLength: 3 }), comment: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), end, fc.array(fc.nat(200)), (events, newline, cuts) => {
      const lines = events.flatMap(({ data, comment }) => [
        ...(comment ? [": still here"] : []),
        ...data.map((words) => `data: ${words}`),
        "",
      ]);
      const text = lines.map((words) => words + newline).join("") + (newline === "\r" ? ":" : "");
      const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
      const reader = new EventReader();
      const read = places.slice(1).flatMap((place, index) => reader.push(text.slice(places[index], place)));
      expect(read).toEqual(events.map(({ data }) => data.join("\n")));
    }),
  );
});

test("an event that has not ended is not given", () => {
  const reader = new EventReader();
  expect(reader.push("data: a\n")).toEqual([]);
  expect(reader.push("\n")).toEqual(["a"]);
});
