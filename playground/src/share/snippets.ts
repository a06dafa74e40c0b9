/** The same request outside of this page: as a curl command, and in Python with the openai package. */

import type { ChatBody } from "../api/types";

const KEY = "BOLDFACE_API_KEY";

/** Where the request goes, and whether it needs a key. The key itself is never written down. */
export interface Destination {
  /** Address of the server, with a slash at the end. */
  readonly base: string;
  readonly keyed: boolean;
}

/** Write a request as a command for a shell. */
export function curlOf(body: ChatBody, { base, keyed }: Destination): string {
  const lines = [`curl ${quote(`${base}v1/chat/completions`)}`, `-H ${quote("Content-Type: application/json")}`];
  if (keyed) lines.push(`-H "Authorization: Bearer $${KEY}"`);
  lines.push(`-d ${quote(JSON.stringify(body, null, 2))}`);
  return `${lines.join(" \\\n  ")}\n`;
}

/** Write a request as a Python program. */
export function pythonOf(body: ChatBody, { base, keyed }: Destination): string {
  const { boldface, ...plain } = body;
  const key = keyed ? `os.environ["${KEY}"]` : '"none"';
  const named = Object.entries(plain).map(([name, value]) => `    ${name}=${literal(value, 1)},`);
  if (boldface) named.push(`    extra_body=${literal({ boldface }, 1)},`);
  return [
    ...(keyed ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${literal(`${base}v1`, 0)}, api_key=${key})`,
    "answer = client.chat.completions.create(",
    ...named,
    ")",
    "print(answer.choices[0].message.content)",
    "",
  ].join("\n");
}

/** Quote a word for a shell: nothing in it is read as anything but itself. */
function quote(word: string): string {
  return `'${word.replace(/'/g, `'\\''`)}'`;
}

/** Write a value as Python does; strings are JSON's, which Python reads alike. */
function literal(value: unknown, depth: number): string {
  const edge = "    ".repeat(depth);
  const inner = `${edge}    `;
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => `${inner}${literal(item, depth + 1)},\n`).join("")}${edge}]`;
  }
  if (typeof value === "object") {
    const items = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${literal(item, depth + 1)}`);
    return items.length === 0 ? "{}" : `{${items.join(", ")}}`;
  }
  return JSON.stringify(value);
}
