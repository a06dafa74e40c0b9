import { expect } from "vitest";

import { answers, direct, field, finished, model, select, SERVER, set, test, write } from "./visit";

const FACT = "Previously the iPhone was made by Apple. ";
const NEWS = "Currently it is made by Nokia.";
const QUESTION = " Complete: The iPhone is made by";

test("both answers are what the server says to the same requests", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "24");
  await write(page, "System", "Be brief.");
  await write(page, "User", FACT + NEWS + QUESTION);
  await select(page, FACT.length, NEWS.length);
  await page.keyboard.press("ControlOrMeta+b");
  await page.keyboard.press("ControlOrMeta+Enter");
  const shown = await finished(page);
  const common = { model: await model(), max_completion_tokens: 24, temperature: 0 };
  const system = { role: "system", content: "Be brief." };
  const parts = [
    { type: "text", text: FACT },
    { type: "text", text: NEWS, emphasis: true },
    { type: "text", text: QUESTION },
  ];
  expect(shown.plain).toBe(
    await direct({ ...common, messages: [system, { role: "user", content: FACT + NEWS + QUESTION }] }),
  );
  expect(shown.steered).toBe(await direct({ ...common, messages: [system, { role: "user", content: parts }] }));
  expect(shown.steered).not.toBe(shown.plain);
});

test("answers come piece by piece, and say how fast", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "40");
  const { plain, steered } = answers(page);
  await page.getByRole("button", { name: /^Ask/ }).click();
  const lengths = new Set<number>();
  while ((await plain.getAttribute("aria-busy")) === "true") {
    lengths.add((await plain.locator(".text").textContent())?.length ?? 0);
  }
  await finished(page);
  expect(lengths.size).toBeGreaterThan(3);
  expect(await plain.locator(".facts").first().textContent()).toMatch(
    /^first word after \d+\.\d\d s · \d+ tokens · [\d.]+ tokens\/s/,
  );
  expect(await steered.locator(".facts").nth(1).textContent()).toMatch(
    /^\d+ tokens in \d+ heads · default ×[\d.]+ · routes? \w+/,
  );
  expect(await page.getByRole("status").textContent()).toBe("Both answers are there.");
});

test("a follow-up goes on from each side's own answer", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "16");
  await page.getByRole("button", { name: /^Ask/ }).click();
  const first = await finished(page);
  await write(page, "Follow up", "Say that in other words.");
  await page.getByRole("button", { name: "Ask on" }).click();
  const second = await finished(page, 2);
  const said = (await page.locator(".said").first().textContent()) ?? "";
  const messages = [
    { role: "user", content: said },
    { role: "assistant", content: first.plain },
    { role: "user", content: "Say that in other words." },
  ];
  expect(second.plain).toBe(
    await direct({ model: await model(), max_completion_tokens: 16, temperature: 0, messages }),
  );
  expect(second.steered).not.toBe("");
});

test("without emphasis there is one answer, and the other side says why", async ({ visit: { page, asked } }) => {
  await set(page, "Longest answer", "4");
  await write(page, "User", "Hello");
  await page.keyboard.press("ControlOrMeta+Enter");
  await finished(page);
  expect(await answers(page).steered.textContent()).toContain("Nothing is emphasised");
  expect(asked.filter((address) => address.endsWith("/chat/completions"))).toHaveLength(1);
});

test("stopping ends both answers and frees their places", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "2000");
  await write(page, "User", "Count from one to five hundred, every number on a line of its own.");
  await select(page, 0, 33);
  await page.keyboard.press("ControlOrMeta+b");
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".answer .text")].every((text) => text.textContent !== ""),
  );
  await page.getByRole("button", { name: "Stop" }).click();
  await finished(page);
  expect(await answers(page).plain.locator(".facts").first().textContent()).toBe("stopped");
  await expect.poll(async () => running(), { timeout: 10_000 }).toBe(0);
});

test("what the server refuses is said in its words", async ({ visit: { page, complaints } }) => {
  await set(page, "Longest answer", "100000");
  await page.getByRole("button", { name: /^Ask/ }).click();
  await finished(page);
  const { steered } = answers(page);
  expect(await steered.getByRole("alert").textContent()).toMatch(/context|tokens/);
  expect(complaints.splice(0).every((words) => words.includes("400"))).toBe(true);
});

test("figures that cannot be are refused before anything is sent", async ({ visit: { page, asked } }) => {
  await set(page, "Temperature", "7");
  asked.length = 0;
  await page.getByRole("button", { name: /^Ask/ }).click();
  expect(asked).toEqual([]);
  expect(await page.getByLabel("Temperature").evaluate((element) => element === document.activeElement)).toBe(true);
});

test("the maps tell where the attention went, in colours and in words", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "2");
  await write(page, "User", FACT + NEWS + QUESTION);
  await select(page, FACT.length, NEWS.length);
  await page.keyboard.press("ControlOrMeta+b");
  await page.keyboard.press("ControlOrMeta+Enter");
  await finished(page);
  const tokens = page.getByRole("listbox", { name: "Tokens of the prompt" }).getByRole("option");
  await tokens.first().waitFor();
  const marked = await tokens.evaluateAll((list) =>
    list.filter((one) => one.classList.contains("marked")).map((one) => one.textContent),
  );
  expect(marked.join("").trim()).toBe(NEWS);
  await tokens.first().focus();
  await page.keyboard.press("ArrowRight");
  expect(await page.locator("#heat .readout").textContent()).toBe(await tokens.nth(1).getAttribute("aria-label"));
  await page.locator("#heat summary").click();
  const rows = await page
    .locator("#heat tbody tr")
    .evaluateAll((list) => list.map((row) => [...row.children].map((cell) => cell.textContent)));
  expect(rows).toHaveLength(await tokens.count());
  const sum = (column: number): number =>
    rows.reduce((all, row) => all + (Number.parseFloat(row[column] ?? "") || 0), 0);
  expect(sum(1)).toBeGreaterThan(95);
  expect(sum(1)).toBeLessThan(105);
  expect(sum(2)).toBeGreaterThan(95);
  expect(sum(2)).toBeLessThan(105);
});

test("the arrow keys walk over the heads, and each says its gain", async ({ visit: { page } }) => {
  const heads = page.getByRole("gridcell");
  await heads.first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  const readout = page.locator("#heads .readout");
  expect(await readout.textContent()).toMatch(/^L1H1: /);
  const profile = (await (await fetch(`${SERVER}v1/boldface/profiles/smollm2`)).json()) as {
    gains: Record<string, number>;
  };
  expect(await readout.textContent()).toContain(Math.abs(profile.gains["L1H1"] ?? NaN).toFixed(2));
});

test("what people and models write is shown as text", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "24");
  const hostile = "Write the HTML of a page with one heading: <h1 onclick=alert(1)>";
  await write(page, "User", hostile);
  await select(page, 10, 4);
  await page.keyboard.press("ControlOrMeta+b");
  await page.keyboard.press("ControlOrMeta+Enter");
  const shown = await finished(page);
  expect(shown.plain).toMatch(/<\w/); // the model did write markup
  expect(await page.locator(".said").textContent()).toBe(hostile);
  expect(await page.locator("#turns, #heat").locator("h1, [onclick]").count()).toBe(0);
  expect(await page.locator(".answer .text").evaluateAll((list) => list.map((text) => text.children.length))).toEqual([
    0, 0,
  ]);
});

test("the focus stays in the field while one asks again and again", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "2");
  await field(page, "User").focus();
  for (let round = 0; round < 2; round += 1) {
    await page.keyboard.press("ControlOrMeta+Enter");
    await finished(page);
  }
  expect(await page.getByRole("listitem", { name: /^Turn/ }).count()).toBe(1);
  expect(await field(page, "User").evaluate((element) => element === document.activeElement)).toBe(true);
});

/** How many requests the server runs. */
async function running(): Promise<number> {
  const health = (await (await fetch(`${SERVER}health`)).json()) as { models: Record<string, { running?: number }> };
  return Object.values(health.models).reduce((sum, load) => sum + (load.running ?? NaN), 0);
}
