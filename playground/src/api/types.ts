/** What goes to the server and what it says, as far as this page reads it. */

import type { ContentPart } from "../emphasis/pieces";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string | ContentPart[];
}

/** The request for one answer. */
export interface ChatBody {
  model: string;
  messages: Message[];
  max_completion_tokens: number;
  temperature: number;
  seed?: number;
  stream?: true;
  stream_options?: { include_usage: true };
  boldface?: { profile?: string; factor?: number; scope?: Scope; explain?: true };
}

export type Scope = "all" | "answer";

/** One token of a prompt and its strength in nats; 0 where it is not emphasised. */
export interface Token {
  text: string;
  strength: number;
}

/** Neighbouring tokens [start, end) that are emphasised alike. */
export interface TokenRange extends Token {
  start: number;
  end: number;
}

/** Words that were to be emphasised and were not. */
export interface Refused {
  text: string;
  source: string;
  reason: string;
}

/** Words that are lifted because text of a lesser source is. */
export interface Protected {
  text: string;
  source: string;
  strength: number;
}

export interface Preview {
  tokens: Token[];
  refused: Refused[];
  protected: Protected[];
  prompt_tokens: number;
}

/** How the attention of the last prompt token moved: on each token, and on the emphasis by each steered head. */
export interface Explanation {
  tokens: (Token & { before: number; after: number })[];
  heads: Record<string, { before: number; after: number }>;
}

/** Share of the attention, unsteered and steered. */
export interface Shift {
  before: number;
  after: number;
}

/** A token of an explained answer: KL of the steered model from the plain one there, and what that would have chosen. */
export interface ExplainedToken extends Shift {
  text: string;
  divergence: number;
  plain_choice: string;
  differs: boolean;
}

/** A head: where it looked, what leaving it out showed, and what its slope expects, in nats of the answer. */
export interface ExplainedHead {
  gain: number;
  spans: Shift[];
  effect: number | null;
  expected: number | null;
}

/** Why an answer is what it is. */
export interface Why {
  first_different: number | null;
  plain_logprob: number;
  steered_logprob: number;
  emphasis: Shift;
  agreement: number | null;
  answer_tokens: ExplainedToken[];
  heads: Record<string, ExplainedHead>;
}

/** The request to explain an answer. */
export interface WhyBody extends Pick<ChatBody, "model" | "messages" | "boldface"> {
  answer: string;
  each_head: boolean;
}

/** What was steered for an answer. */
export interface Steered {
  tokens: TokenRange[];
  heads: Record<string, number>;
  strength: number | null;
  routes: string[];
  refused: Refused[];
  protected: Protected[];
  explain?: Explanation;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

/** One event of a streamed answer. */
export interface Chunk {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
  usage?: Usage | null;
  boldface?: Steered;
  error?: { message: string };
}

/** The models that are served. */
export interface Models {
  data: { id: string; profile: string | null }[];
}

/** The names of the profiles that a request may ask for. */
export interface Profiles {
  default: string | null;
  profiles: string[];
}

/** A profile's heads: gains by name, such as L12H7. */
export interface Profile {
  name: string;
  strength: number;
  layers: number;
  heads: number;
  gains: Record<string, number>;
}
