/** The talk: asks both sides of a conversation at once and shows the answers as they come. */

import type { Client } from "./api/client";
import { bodyOf, explaining, isSteered, type Prompt, type Settings, type Side, streamed } from "./api/conversation";
import { Stopwatch } from "./api/pace";
import type { Explanation, Steered } from "./api/types";
import type { Piece } from "./emphasis/pieces";
import type { Say } from "./view/announcer";
import type { AnswerView } from "./view/answer";
import { TurnView } from "./view/turn";

export interface TalkWishes {
  readonly client: Client;
  /** Where the turns are shown. */
  readonly list: HTMLElement;
  readonly say: Say;
  /** Called when a request begins and when the last of them ends. */
  readonly running: (runs: boolean) => void;
  /** Called before it is asked how the attention moved, and with what came of it. */
  readonly explains: () => void;
  readonly explained: (explanation: Explanation) => void;
  readonly unexplained: (error: unknown) => void;
  readonly failed: (error: unknown) => void;
}

export class Talk {
  private prompt: Prompt = { system: [], turns: [] };
  private control = new AbortController();

  constructor(private readonly wishes: TalkWishes) {}

  /** Tell whether there is a whole turn to go on from. */
  get goesOn(): boolean {
    const last = this.prompt.turns.at(-1);
    return last !== undefined && last.answers.plain !== "" && last.answers.steered !== "";
  }

  /** The conversation, where its last answer can be explained: it is steered, and there. */
  get explainable(): Prompt | null {
    const last = this.prompt.turns.at(-1);
    return isSteered(this.prompt) && last !== undefined && last.answers.steered.trim() !== "" ? this.prompt : null;
  }

  /** Begin a new conversation. */
  begin(system: readonly Piece[], said: readonly Piece[], settings: Settings, byDefault: number): Promise<void> {
    this.prompt = { system, turns: [] };
    this.wishes.list.replaceChildren();
    return this.ask(said, settings, byDefault);
  }

  /** Say something more. */
  async ask(said: readonly Piece[], settings: Settings, byDefault: number): Promise<void> {
    this.stop();
    const control = (this.control = new AbortController());
    const before = this.prompt;
    const prompt: Prompt = { ...before, turns: [...before.turns, { said, answers: { plain: "", steered: "" } }] };
    const view = new TurnView(prompt.turns.length, said, byDefault);
    this.wishes.list.append(view.element);
    this.wishes.running(true);
    const both = isSteered(prompt);
    const one = (side: Side): Promise<void> => this.stream(prompt, side, settings, view.answers[side], control.signal);
    await Promise.all(both ? [one("plain"), one("steered")] : [one("plain")]);
    if (!both) view.answers.steered.same("Nothing is emphasised, so this would be the plain answer.");
    if (this.control !== control) return;
    const plain = view.answers.plain.words;
    const answers = { plain, steered: both ? view.answers.steered.words : plain };
    this.prompt = { ...before, turns: [...before.turns, { said, answers }] };
    this.wishes.running(false);
    this.wishes.say(control.signal.aborted ? "Stopped." : both ? "Both answers are there." : "The answer is there.");
    if (both && settings.explain && !control.signal.aborted) await this.explain(prompt, settings, control.signal);
  }

  /** Stop what runs; what has come stays. */
  stop(): void {
    this.control.abort();
  }

  private async explain(prompt: Prompt, settings: Settings, signal: AbortSignal): Promise<void> {
    this.wishes.explains();
    try {
      const body = explaining(prompt, settings);
      const { boldface } = await this.wishes.client.post<{ boldface?: Steered }>("v1/chat/completions", body, signal);
      if (boldface?.explain) this.wishes.explained(boldface.explain);
    } catch (error) {
      this.wishes.unexplained(error);
    }
  }

  private async stream(
    prompt: Prompt,
    side: Side,
    settings: Settings,
    view: AnswerView,
    signal: AbortSignal,
  ): Promise<void> {
    const watch = new Stopwatch(() => performance.now());
    let finish: string | null = null;
    let tokens = 0;
    try {
      const body = streamed(bodyOf(prompt, side, settings));
      for await (const { choices, usage, boldface } of this.wishes.client.stream("v1/chat/completions", body, signal)) {
        const text = choices?.[0]?.delta?.content ?? "";
        if (text !== "") {
          watch.text();
          view.write(text);
        }
        finish = choices?.[0]?.finish_reason ?? finish;
        tokens = usage?.completion_tokens ?? tokens;
        if (boldface) view.tellSteering(boldface);
      }
      view.end(watch.end(tokens), finish);
    } catch (error) {
      view.fail(error);
      this.wishes.failed(error);
    }
  }
}
