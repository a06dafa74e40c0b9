import { expect, test } from "vitest";

import { speed, Stopwatch, tell } from "../../src/api/pace";

function run(times: readonly number[], texts: number, tokens: number): ReturnType<Stopwatch["end"]> {
  const left = [...times];
  const watch = new Stopwatch(() => left.shift() ?? 0);
  for (let text = 0; text < texts; text += 1) watch.text();
  return watch.end(tokens);
}

test("the pace counts from the request to the first text, and the speed from there on", () => {
  const pace = run([1000, 1500, 2500], 3, 21);
  expect(pace).toEqual({ first: 0.5, total: 1.5, tokens: 21 });
  expect(speed(pace)).toBe(20);
  expect(tell(pace)).toBe("first word after 0.50 s · 21 tokens · 20 tokens/s");
});

test("an answer without text has no speed", () => {
  expect(tell(run([0, 100], 0, 0))).toBe("0 tokens");
  expect(tell(run([0, 50, 100], 1, 1))).toBe("first word after 0.05 s · 1 token");
});
