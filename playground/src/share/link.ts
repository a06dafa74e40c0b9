/** Links that carry a prompt: in the part after #, which browsers send to no server. What a link says is never trusted. */

import { isFactor, isWeight } from "../emphasis/factor";
import { type Piece, textOf, tidy } from "../emphasis/pieces";
import type { Settings } from "../api/conversation";
import type { Scope } from "../api/types";

/** What a link carries. Keys for a server are not part of it. */
export interface Shared extends Omit<Settings, "explain"> {
  readonly system: readonly Piece[];
  readonly user: readonly Piece[];
}

/** Says why a link cannot be read. */
export class LinkError extends Error {}

const MARK = "#prompt=";
const VERSION = 1;
const LONGEST_LINK = 300_000;
const LONGEST_TEXT = 100_000;
const LONGEST_NAME = 200;

/** Return the part after the address, # included. */
export function writeLink(shared: Shared): string {
  const { system, user, model, profile, factor, scope, temperature, longest, seed } = shared; // and nothing besides
  const said = { model, profile, factor, scope, temperature, longest, seed };
  const packed = { version: VERSION, system: pack(system), user: pack(user), ...said };
  const bytes = new TextEncoder().encode(JSON.stringify(packed));
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return MARK + btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * Return what a link carries; null when the address carries no prompt.
 *
 * @throws LinkError It carries something else than a prompt of this version.
 */
export function readLink(hash: string): Shared | null {
  if (!hash.startsWith(MARK)) return null;
  if (hash.length > LONGEST_LINK) throw new LinkError("The link is too long.");
  const said = record(decode(hash.slice(MARK.length)), "The link");
  if (said["version"] !== VERSION) throw new LinkError("The link is of another version of the playground.");
  return {
    system: unpack(said["system"], "system"),
    user: unpack(said["user"], "user"),
    model: name(said["model"], "model"),
    profile: name(said["profile"], "profile"),
    factor: said["factor"] === null ? null : need(isFactor(said["factor"]), said["factor"] as number, "factor"),
    scope: need([null, "all", "answer"].includes(said["scope"] as Scope), said["scope"] as Scope | null, "scope"),
    temperature: number(said["temperature"], 0, 2, "temperature"),
    longest: whole(said["longest"], 1, 100_000, "longest"),
    seed: said["seed"] === null ? null : whole(said["seed"], 0, Number.MAX_SAFE_INTEGER, "seed"),
  };
}

function pack(pieces: readonly Piece[]): unknown[] {
  return tidy(pieces).map(({ text, weight }) => (weight === null ? text : [text, weight]));
}

function unpack(packed: unknown, where: string): Piece[] {
  if (!Array.isArray(packed)) throw wrong(where);
  const pieces = packed.map((piece: unknown): Piece => {
    if (typeof piece === "string") return { text: piece, weight: null };
    if (!Array.isArray(piece) || piece.length !== 2) throw wrong(where);
    const [text, weight] = piece as [unknown, unknown];
    if (typeof text !== "string" || !isWeight(weight)) throw wrong(where);
    return { text, weight };
  });
  if (textOf(pieces).length > LONGEST_TEXT) throw new LinkError("The prompt of the link is too long.");
  return tidy(pieces);
}

function decode(packed: string): unknown {
  try {
    const letters = atob(packed.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new LinkError("The link is damaged.");
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new LinkError(`${what} is damaged.`);
  return value as Record<string, unknown>;
}

function name(value: unknown, where: string): string {
  return need(typeof value === "string" && value.length <= LONGEST_NAME, value as string, where);
}

function number(value: unknown, least: number, most: number, where: string): number {
  return need(typeof value === "number" && value >= least && value <= most, value as number, where);
}

function whole(value: unknown, least: number, most: number, where: string): number {
  return need(Number.isSafeInteger(value), number(value, least, most, where), where);
}

function need<T>(holds: boolean, value: T, where: string): T {
  if (!holds) throw wrong(where);
  return value;
}

function wrong(where: string): LinkError {
  return new LinkError(`The link says something about “${where}” that cannot be.`);
}
