/** What the server offers: its models, the profiles that fit the chosen one, and the heads of the chosen profile. */

import type { Client } from "./api/client";
import type { Models, Profile, Profiles } from "./api/types";
import { el } from "./view/dom";
import type { SettingsForm } from "./view/settings";

/** The paper's factor, for as long as no profile is known. */
const UNKNOWN = 100;

export class Offers {
  /** The chosen profile; null where the model has none. */
  profile: Profile | null = null;
  private models: Models["data"] = [];
  private listed = "";
  private chosen = "";

  constructor(
    private readonly client: Client,
    private readonly settings: SettingsForm,
  ) {}

  /** The factor of emphasis that has none of its own. */
  get factor(): number {
    const { factor } = this.settings.values;
    return factor ?? (this.profile ? Math.exp(this.profile.strength) : UNKNOWN);
  }

  /** Ask the server anew what there is, as far as the choices in the settings have changed. */
  async update(): Promise<void> {
    const { model, profile } = this.settings;
    if (this.models.length === 0) {
      this.models = (await this.client.get<Models>("v1/models")).data;
      fill(
        model,
        this.models.map(({ id }) => id),
      );
    }
    const query = `?model=${encodeURIComponent(model.value)}`;
    if (this.listed !== model.value) {
      const { profiles, default: first } = await this.client.get<Profiles>(`v1/boldface/profiles${query}`);
      fill(profile, profiles);
      profile.value = first ?? profiles[0] ?? "";
      this.listed = model.value;
      this.chosen = "";
      this.profile = null;
    }
    if (this.chosen !== profile.value) {
      const path = `v1/boldface/profiles/${encodeURIComponent(profile.value)}${query}`;
      this.profile = await this.client.get<Profile>(path);
      this.chosen = profile.value;
    }
  }
}

function fill(select: HTMLSelectElement, names: readonly string[]): void {
  select.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
}
