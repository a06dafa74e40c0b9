/** Pace: how soon an answer begins, and how fast it goes on. */

export interface Pace {
  /** Seconds from the request to the first text; null while there is none. */
  readonly first: number | null;
  /** Seconds from the request to the end. */
  readonly total: number;
  readonly tokens: number;
}

/** Takes the times of one answer, in milliseconds of any clock. */
export class Stopwatch {
  private first: number | null = null;

  constructor(
    private readonly now: () => number,
    private readonly start = now(),
  ) {}

  /** Text has come. */
  text(): void {
    this.first ??= this.now();
  }

  /** The answer ended, of so many tokens. */
  end(tokens: number): Pace {
    const first = this.first === null ? null : (this.first - this.start) / 1000;
    return { first, total: (this.now() - this.start) / 1000, tokens };
  }
}

/** Return tokens a second after the first one; null where there are too few to tell. */
export function speed({ first, total, tokens }: Pace): number | null {
  if (first === null || tokens < 2 || total <= first) return null;
  return (tokens - 1) / (total - first);
}

/** Say a pace in words. */
export function tell(pace: Pace): string {
  const rate = speed(pace);
  return [
    pace.first === null ? "" : `first word after ${pace.first.toFixed(2)} s`,
    `${pace.tokens} ${pace.tokens === 1 ? "token" : "tokens"}`,
    rate === null ? "" : `${rate.toFixed(rate < 10 ? 1 : 0)} tokens/s`,
  ]
    .filter((words) => words !== "")
    .join(" · ");
}
