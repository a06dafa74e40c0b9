/** The settings of a request, read from their form. */

import type { Settings } from "../api/conversation";
import type { Scope } from "../api/types";
import { at } from "./dom";

const KEPT = "boldface-key";

export class SettingsForm {
  readonly model = at("model", HTMLSelectElement);
  readonly profile = at("profile", HTMLSelectElement);
  private readonly form = at("settings", HTMLFormElement);
  private readonly factor = at("factor", HTMLInputElement);
  private readonly scope = at("scope", HTMLSelectElement);
  private readonly temperature = at("temperature", HTMLInputElement);
  private readonly longest = at("longest", HTMLInputElement);
  private readonly seed = at("seed", HTMLInputElement);
  private readonly explain = at("explain", HTMLInputElement);
  private readonly key = at("key", HTMLInputElement);

  constructor(changed: () => void) {
    this.key.value = sessionStorage.getItem(KEPT) ?? "";
    this.key.addEventListener("change", () => sessionStorage.setItem(KEPT, this.key.value));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", changed);
  }

  /** The server's key, for this tab only; empty when there is none. */
  get secret(): string {
    return this.key.value.trim();
  }

  /** Ask for the key, which the server wants. */
  wantKey(): void {
    at("more", HTMLDetailsElement).open = true;
    this.key.focus();
  }

  /** Whether every figure can be used. */
  get valid(): boolean {
    return this.form.checkValidity();
  }

  /** Tell whether every figure can be used; if not, the browser says which and why. */
  hold(): boolean {
    if (this.valid) return true;
    at("more", HTMLDetailsElement).open = true;
    this.form.reportValidity();
    return false;
  }

  get values(): Settings {
    return {
      model: this.model.value,
      profile: this.profile.value,
      factor: optional(this.factor),
      scope: this.scope.value === "" ? null : (this.scope.value as Scope),
      temperature: this.temperature.valueAsNumber,
      longest: this.longest.valueAsNumber,
      seed: optional(this.seed),
      explain: this.explain.checked,
    };
  }

  /** Take over what a link says; a model or profile that the server does not offer is left as it was. */
  set values(wanted: Omit<Settings, "explain">) {
    for (const [select, value] of [
      [this.model, wanted.model],
      [this.profile, wanted.profile],
    ] as const) {
      if ([...select.options].some((option) => option.value === value)) select.value = value;
    }
    this.factor.value = wanted.factor === null ? "" : String(wanted.factor);
    this.scope.value = wanted.scope ?? "";
    this.temperature.value = String(wanted.temperature);
    this.longest.value = String(wanted.longest);
    this.seed.value = wanted.seed === null ? "" : String(wanted.seed);
  }

  /** Show what emphasis weighs when nobody says. */
  showDefault(factor: number): void {
    this.factor.placeholder = `${Number(factor.toPrecision(3))}`;
  }
}

function optional(input: HTMLInputElement): number | null {
  return Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber;
}
