import { execFileSync } from "node:child_process";

import fc from "fast-check";
import { expect, test } from "vitest";

import type { ChatBody } from "../../src/api/types";
import { curlOf, pythonOf } from "../../src/share/snippets";
import { body } from "../arbitrary";

const base = "http://127.0.0.1:8000/";

/** A shell's own reading of a command: the arguments that curl would get. */
function argumentsOf(command: string): string[] {
  const script = `curl() { for word; do printf '%s\\0' "$word"; done; }\n${command}`;
  const said = execFileSync("sh", ["-c", script], { encoding: "utf-8", env: { BOLDFACE_API_KEY: "k-1" } });
  return said.split("\0").slice(0, -1);
}

/** Python's own reading of programs: what they would ask for. */
const PYTHON = `
import json, os, sys, types
asked = []
class OpenAI:
    def __init__(self, **client):
        create = lambda **body: asked.append([client, body]) or answer
        self.chat = types.SimpleNamespace(completions=types.SimpleNamespace(create=create))
message = types.SimpleNamespace(content="")
answer = types.SimpleNamespace(choices=[types.SimpleNamespace(message=message)])
sys.modules["openai"] = types.SimpleNamespace(OpenAI=OpenAI)
for program in json.load(sys.stdin):
    exec(program, {"print": lambda said: None})
print(json.dumps(asked))
`;

type Asked = [{ base_url: string; api_key: string }, ChatBody & { extra_body?: Pick<ChatBody, "boldface"> }];

function askedBy(programs: readonly string[]): Asked[] {
  const env = { ...process.env, BOLDFACE_API_KEY: "k-1" };
  return JSON.parse(
    execFileSync("python3", ["-c", PYTHON], { input: JSON.stringify(programs), encoding: "utf-8", env }),
  ) as Asked[];
}

test("the curl command sends the request, whatever is in it", () => {
  fc.assert(
    fc.property(body, (given) => {
      const words = argumentsOf(curlOf(given, { base, keyed: false }));
      expect(words.slice(0, 4)).toEqual([`${base}v1/chat/completions`, "-H", "Content-Type: application/json", "-d"]);
      expect(JSON.parse(words[4] ?? "")).toEqual(given);
    }),
    { numRuns: 40 },
  );
});

test("the Python program sends the request, whatever is in it", () => {
  const given = fc.sample(body, 100);
  const asked = askedBy(given.map((one) => pythonOf(one, { base, keyed: false })));
  expect(asked.map(([, { extra_body: extra, ...rest }]) => ({ ...rest, ...extra }))).toEqual(given);
  expect(asked[0]?.[0]).toEqual({ base_url: `${base}v1`, api_key: "none" });
});

test("a key is read from the environment", () => {
  const [given] = fc.sample(body, 1);
  if (!given) throw new Error("nothing to try");
  expect(argumentsOf(curlOf(given, { base, keyed: true }))).toContain("Authorization: Bearer k-1");
  expect(askedBy([pythonOf(given, { base, keyed: true })])[0]?.[0].api_key).toBe("k-1");
});
