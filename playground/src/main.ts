/** The page: puts its parts together. */

import "prosemirror-view/style/prosemirror.css";
import "./style/page.css";
import "./style/controls.css";
import "./style/prompt.css";
import "./style/answers.css";
import "./style/maps.css";

import { Client, isAbort, ServerError } from "./api/client";
import { bodyOf } from "./api/conversation";
import type { ChatBody, Explanation, Profile } from "./api/types";
import { Composer } from "./composer";
import { level } from "./emphasis/factor";
import { textOf } from "./emphasis/pieces";
import { EXAMPLES } from "./examples";
import { Offers } from "./offers";
import { readLink, type Shared } from "./share/link";
import { sharing } from "./sharing";
import { Talk } from "./talk";
import { announcer } from "./view/announcer";
import { complaint } from "./view/answer";
import { at, el } from "./view/dom";
import { drawHeads } from "./view/head-map";
import { HeatMap } from "./view/heat-map";
import { PreviewView } from "./view/preview";
import { SettingsForm } from "./view/settings";
import { themes } from "./view/theme";
import { WhyPanel } from "./why";

const base = new URL(".", location.href).href;
const say = announcer(at("live", HTMLElement));
const settings = new SettingsForm(() => void refresh());
const client = new Client(base, () => settings.secret);
const offers = new Offers(client, settings);
const preview = new PreviewView(client, at("preview", HTMLElement));
const heat = new HeatMap(at("heat", HTMLElement));
const explains = (): void => heat.clear("Looking…");
const turns = at("turns", HTMLElement);
const talk = new Talk({ client, list: turns, say, running, explains, explained, unexplained, failed });
const why = new WhyPanel({
  client,
  explainable: () => talk.explainable,
  settings: () => settings.values,
  failed,
  say,
});

const wishes = { byDefault: () => offers.factor, changed: showPreview, say };
const system = new Composer("system", "Optional", askAnew, wishes);
const user = new Composer("user", "What you say to the model", askAnew, wishes);
const follow = new Composer("follow", "What you say next", askOn, { ...wishes, changed: () => undefined });

/** The profile whose heads are shown. */
let drawn: Profile | null = null;

/** The request that the fields of the prompt make. */
function request(): ChatBody {
  const said = { said: user.pieces, answers: { plain: "", steered: "" } };
  return bodyOf({ system: system.pieces, turns: [said] }, "steered", settings.values);
}

function showPreview(): void {
  const empty = textOf(system.pieces) + textOf(user.pieces) === "";
  preview.update(empty || settings.model.value === "" || !settings.valid ? null : request());
}

function askAnew(): void {
  if (!settings.hold()) return;
  if (textOf(user.pieces) === "") return user.field.focus();
  heat.clear(
    settings.values.explain ? "It is looked at once both answers are there." : "The settings do not ask for it.",
  );
  void talk.begin(system.pieces, user.pieces, settings.values, offers.factor);
}

function askOn(): void {
  if (!settings.hold() || !talk.goesOn) return;
  if (textOf(follow.pieces) === "") return follow.field.focus();
  const said = follow.pieces;
  follow.pieces = [];
  void talk.ask(said, settings.values, offers.factor);
}

function running(runs: boolean): void {
  at("stop", HTMLButtonElement).hidden = !runs;
  at("empty", HTMLElement).hidden = true;
  at("follow-up", HTMLElement).hidden = runs || !talk.goesOn;
  why.update(runs);
}

function explained(explanation: Explanation): void {
  heat.show(explanation);
  if (offers.profile) drawHeads(at("heads", HTMLElement), offers.profile, explanation.heads);
}

function unexplained(error: unknown): void {
  if (isAbort(error)) return;
  heat.clear(complaint(error));
  failed(error);
}

function failed(error: unknown): void {
  if (error instanceof ServerError && error.status === 401) settings.wantKey();
}

function showProfile(profile: Profile | null): void {
  const place = at("heads", HTMLElement);
  if (!profile) return place.replaceChildren(el("p", { class: "nothing" }, "There is no profile for this model."));
  settings.showDefault(Math.exp(profile.strength));
  drawHeads(place, profile, {});
}

/** Take over what has changed in the settings, and what the server says about it. */
async function refresh(): Promise<void> {
  const notices = at("notices", HTMLElement);
  notices.replaceChildren();
  try {
    await offers.update();
  } catch (error) {
    if (!isAbort(error)) notices.replaceChildren(complaint(error));
    failed(error);
    return;
  }
  if (drawn !== offers.profile) showProfile((drawn = offers.profile));
  document.body.dataset["default"] = String(level(offers.factor));
  for (const composer of [system, user, follow]) composer.update();
  showPreview();
}

function put({ system: before, user: said }: Pick<Shared, "system" | "user">): void {
  system.pieces = before;
  user.pieces = said;
  showPreview();
}

/** Open the prompt that the address carries, if it carries one. */
async function open(): Promise<boolean> {
  let shared: Shared | null;
  try {
    shared = readLink(location.hash);
  } catch (error) {
    at("notices", HTMLElement).append(complaint(error));
    return false;
  }
  if (!shared) return false;
  settings.values = shared; // the model decides which profiles there are
  await refresh();
  settings.values = shared;
  await refresh();
  put(shared);
  return true;
}

function examples(): void {
  const select = at("examples", HTMLSelectElement);
  select.append(...EXAMPLES.map(({ title }, index) => el("option", { value: String(index) }, title)));
  select.addEventListener("change", () => {
    const example = EXAMPLES[Number(select.value)];
    if (example && select.value !== "") put(example);
    select.value = "";
  });
}

/** Name the keys as they are called on a Mac. */
function macKeys(): void {
  if (!navigator.platform.startsWith("Mac")) return;
  for (const key of document.querySelectorAll("kbd")) key.textContent = key.textContent.replace("Ctrl", "⌘");
}

macKeys();
themes(at("theme", HTMLButtonElement));
user.tools();
examples();
at("ask", HTMLButtonElement).addEventListener("click", askAnew);
at("ask-on", HTMLButtonElement).addEventListener("click", askOn);
at("stop", HTMLButtonElement).addEventListener("click", () => talk.stop());
sharing({
  base,
  shared: () => ({ ...settings.values, system: system.pieces, user: user.pieces }),
  body: () => (settings.hold() ? request() : null),
  keyed: () => settings.secret !== "",
  say,
});
at("skip", HTMLAnchorElement).addEventListener("click", (event) => {
  event.preventDefault();
  user.field.focus();
});
window.addEventListener("hashchange", () => void open());
put(EXAMPLES[0]);
await refresh();
await open();
