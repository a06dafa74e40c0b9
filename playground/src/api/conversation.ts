/** A conversation asked twice: every turn has a plain and a steered answer, and each side goes on from its own. */

import { contentOf, isEmphasised, type Piece, textOf } from "../emphasis/pieces";
import type { ChatBody, Message, Scope, WhyBody } from "./types";

export type Side = "plain" | "steered";

/** What one side of a conversation is made of, besides its answers. */
export interface Settings {
  readonly model: string;
  /** Empty: the server's own choice. */
  readonly profile: string;
  /** Factor of emphasis without one of its own; null: the profile's. */
  readonly factor: number | null;
  readonly scope: Scope | null;
  readonly temperature: number;
  readonly longest: number;
  readonly seed: number | null;
  /** Whether to ask, once the answers are there, how the attention moved. */
  readonly explain: boolean;
}

/** What the user said, and, once they are there, both answers. */
export interface Turn {
  readonly said: readonly Piece[];
  readonly answers: Record<Side, string>;
}

export interface Prompt {
  readonly system: readonly Piece[];
  readonly turns: readonly Turn[];
}

/** Tell whether anything in the conversation is emphasised; if not, both sides are the plain model. */
export function isSteered({ system, turns }: Prompt): boolean {
  return isEmphasised(system) || turns.some((turn) => isEmphasised(turn.said));
}

/** Return the messages that one side is asked with; the last turn's answer is what is asked for. */
export function messagesOf({ system, turns }: Prompt, side: Side): Message[] {
  const content = side === "plain" ? textOf : contentOf;
  const messages: Message[] = [];
  if (textOf(system) !== "") messages.push({ role: "system", content: content(system) });
  turns.forEach((turn, index) => {
    messages.push({ role: "user", content: content(turn.said) });
    if (index < turns.length - 1) messages.push({ role: "assistant", content: turn.answers[side] });
  });
  return messages;
}

/** Return the request of one side. Without emphasis the steered side's is the plain one. */
export function bodyOf(prompt: Prompt, side: Side, settings: Settings): ChatBody {
  const body: ChatBody = {
    model: settings.model,
    messages: messagesOf(prompt, side),
    max_completion_tokens: settings.longest,
    temperature: settings.temperature,
  };
  if (settings.seed !== null) body.seed = settings.seed;
  if (side === "plain" || !isSteered(prompt)) return body;
  const boldface: NonNullable<ChatBody["boldface"]> = {};
  if (settings.profile !== "") boldface.profile = settings.profile;
  if (settings.factor !== null) boldface.factor = settings.factor;
  if (settings.scope !== null) boldface.scope = settings.scope;
  return { ...body, boldface };
}

/** Return the request that asks how the attention moved: apart from the answer, whose pace it would spoil. */
export function explaining(prompt: Prompt, settings: Settings): ChatBody {
  const { boldface, ...body } = bodyOf(prompt, "steered", settings);
  return { ...body, max_completion_tokens: 1, boldface: { ...boldface, explain: true } };
}

/** Return the request that asks why the steered side's last answer is what it is. */
export function asking(prompt: Prompt, settings: Settings, eachHead: boolean): WhyBody {
  const { model, messages, boldface = {} } = bodyOf(prompt, "steered", settings);
  return { model, messages, boldface, answer: prompt.turns.at(-1)?.answers.steered ?? "", each_head: eachHead };
}

/** Return the request as it is streamed, with its usage at the end. */
export function streamed(body: ChatBody): ChatBody {
  return { ...body, stream: true, stream_options: { include_usage: true } };
}
