import fc from "fast-check";
import { expect, test } from "vitest";

import { tidy } from "../../src/emphasis/pieces";
import { LinkError, readLink, type Shared, writeLink } from "../../src/share/link";
import { factor, pieces, text } from "../arbitrary";

const shared: fc.Arbitrary<Shared> = fc.record({
  system: pieces,
  user: pieces,
  model: text,
  profile: text,
  factor: fc.option(factor),
  scope: fc.constantFrom(null, "all" as const, "answer" as const),
  temperature: fc.double({ min: 0, max: 2, noNaN: true }).map(Math.abs),
  longest: fc.integer({ min: 1, max: 100_000 }),
  seed: fc.option(fc.nat()),
});

/** Make a link of anything. */
function forge(content: unknown): string {
  return `#prompt=${Buffer.from(JSON.stringify(content)).toString("base64url")}`;
}

const good = { version: 1, system: [], user: ["a"], model: "m", profile: "p", factor: null, scope: null };
const whole = { ...good, temperature: 0, longest: 10, seed: null };

test("a link gives back what was shared", () => {
  fc.assert(
    fc.property(shared, (given) => {
      const hash = writeLink(given);
      expect(hash).toMatch(/^#prompt=[\w-]*$/);
      expect(readLink(hash)).toEqual({ ...given, system: tidy(given.system), user: tidy(given.user) });
    }),
  );
});

test("a key among the settings does not get into a link", () => {
  const given = { ...readLink(forge(whole)), key: "secret-key" } as unknown as Shared;
  expect(Buffer.from(writeLink(given).slice(8), "base64url").toString()).not.toContain("secret");
});

test("an address without a prompt is none, and any other hash is read or refused", () => {
  expect(readLink("")).toBeNull();
  expect(readLink("#user")).toBeNull();
  fc.assert(
    fc.property(fc.oneof(fc.base64String(), fc.string()), (letters) => {
      expect(() => readLink(`#prompt=${letters}`)).toThrow(LinkError);
    }),
  );
});

test("what a link says is what the playground itself could say, or is refused", () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(whole)), fc.jsonValue(), (field, value) => {
      try {
        const read = readLink(forge({ ...whole, [field]: value }));
        expect(read && readLink(writeLink(read))).toEqual(read);
      } catch (error) {
        expect(error).toBeInstanceOf(LinkError);
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  ["user", [["a", 1000]]],
  ["user", [["a", "<script>"]]],
  ["user", [["a", null]]],
  ["user", [{ text: "a" }]],
  ["user", ["a".repeat(100_001)]],
  ["user", "a"],
  ["model", "m".repeat(201)],
  ["factor", 0],
  ["scope", "everything"],
  ["temperature", 3],
  ["longest", 1.5],
  ["seed", -1],
  ["version", 2],
])("%s cannot be %j", (field, value) => {
  expect(readLink(forge(whole))).not.toBeNull();
  expect(() => readLink(forge({ ...whole, [field]: value }))).toThrow(LinkError);
});

test("a link of endless length is refused unread", () => {
  expect(() => readLink(`#prompt=${"A".repeat(1_000_000)}`)).toThrow("too long");
});
