/** A visit: the real page, in a real browser, from a real server. Whatever the browser complains about fails the test. */

import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test as plain } from "vitest";

/** Address of a running `boldface serve`. */
export const SERVER = need("BOLDFACE_URL");

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: need("CHROMIUM"), args: ["--no-sandbox"] });
});
afterAll(() => browser.close());

export interface Visit {
  readonly page: Page;
  /** Addresses that the page has asked for. */
  readonly asked: string[];
  /** What the browser complained about; a test that means it empties the list. */
  readonly complaints: string[];
}

interface Fixtures {
  options: BrowserContextOptions;
  visit: Visit;
}

export const test = plain.extend<Fixtures>({
  options: [{}, { injected: true }],
  visit: async ({ options }, use) => {
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const page = await context.newPage();
    const visit: Visit = { page, asked: [], complaints: [] };
    page.on("request", (request) => visit.asked.push(request.url()));
    page.on("pageerror", (error) => visit.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      visit.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) visit.complaints.push(message.text());
    });
    await come(page);
    await use(visit);
    expect(visit.complaints).toEqual([]);
    await context.close();
  },
});

/** Go to the page, or to a link to it, and wait until it knows the server's profile. */
export async function come(page: Page, hash = ""): Promise<void> {
  await page.goto(SERVER + hash);
  await page.getByRole("grid", { name: /Heads of the profile/ }).waitFor();
}

export function field(page: Page, name: string): Locator {
  return page.getByRole("textbox", { name, exact: true });
}

/** Put other words in a field, as a person does. */
export async function write(page: Page, name: string, words: string): Promise<void> {
  await field(page, name).focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(words);
}

/** Select words of the field with the focus, by the keyboard: so many characters from the one at a place. */
export async function select(page: Page, start: number, length: number): Promise<void> {
  await page.keyboard.press("ControlOrMeta+Home");
  for (let step = 0; step < start; step += 1) await page.keyboard.press("ArrowRight");
  for (let step = 0; step < length; step += 1) await page.keyboard.press("Shift+ArrowRight");
}

/** Set one of the settings. */
export async function set(page: Page, label: string, value: string): Promise<void> {
  await page.locator("#more").evaluate((fold: HTMLDetailsElement) => (fold.open = true));
  await page.getByLabel(label).fill(value);
  await page.getByLabel(label).blur();
}

/** The two answers of a turn. */
export function answers(page: Page, turn = 1): { plain: Locator; steered: Locator } {
  const item = page.getByRole("listitem", { name: `Turn ${turn}` });
  const one = (name: string): Locator => item.getByRole("article", { name, exact: true });
  return { plain: one("Plain"), steered: one("Steered") };
}

/** Wait until both answers of a turn are there, and return their words. */
export async function finished(page: Page, turn = 1): Promise<{ plain: string; steered: string }> {
  const { plain: one, steered: other } = answers(page, turn);
  for (const answer of [one, other]) await answer.and(page.locator('[aria-busy="false"]')).waitFor({ timeout: 90_000 });
  const words = async (answer: Locator): Promise<string> => (await answer.locator(".text").textContent()) ?? "";
  return { plain: await words(one), steered: await words(other) };
}

/** Ask the server directly, past the page. */
export async function direct(body: object): Promise<string> {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${SERVER}v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(body) });
  const said = (await answer.json()) as { choices?: { message: { content: string } }[] };
  return said.choices?.[0]?.message.content ?? JSON.stringify(said);
}

export async function model(): Promise<string> {
  const said = (await (await fetch(`${SERVER}v1/models`)).json()) as { data: { id: string }[] };
  return said.data[0]?.id ?? "";
}

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`Set ${name}.`);
  return value;
}
