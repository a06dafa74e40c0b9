import axe, { type AxeResults } from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { describe, expect } from "vitest";

import { finished, set, test } from "./visit";

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 360, height: 740 }, colorScheme: "light", isMobile: true, hasTouch: true },
};

async function explained(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Explain the steered answer" }).click();
  await page.getByRole("listbox", { name: "Tokens of the answer" }).waitFor({ timeout: 120_000 });
}

describe.each(Object.entries(LOOKS))("%s", (name, options) => {
  test.override({ options });

  test("the steered answer is explained, and everybody can read it", async ({ visit: { page } }) => {
    await set(page, "Longest answer", "24");
    const ask = page.getByRole("button", { name: "Explain the steered answer" });
    expect(await ask.isDisabled()).toBe(true);
    await page.getByRole("button", { name: /^Ask/ }).click();
    const { steered } = await finished(page);
    await explained(page);
    const tokens = await page
      .getByRole("listbox", { name: "Tokens of the answer" })
      .locator(".token")
      .allTextContents();
    expect(tokens.join("").replaceAll("↵\n", "\n").trim()).toBe(steered.trim());
    expect(await page.locator("#why .verdict li").count()).toBe(3);
    expect(await page.locator("#why .bars li").count()).toBe(12);
    await page.locator("#more").evaluate((fold) => fold.removeAttribute("open"));
    const folder = process.env["SCREENSHOTS"];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/why-${name}.png`, fullPage: true });
    await page.locator("details").evaluateAll((folds) => folds.forEach((fold) => fold.setAttribute("open", "")));
    await page.evaluate(`${axe.source}; undefined`);
    const { violations } = await page.evaluate<AxeResults>("axe.run()");
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(wide).toBe(false);
  });
});

test("tokens tell what they would have been, and a new answer makes the panel wait", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "12");
  await page.getByRole("button", { name: /^Ask/ }).click();
  await finished(page);
  await explained(page);
  await page.locator("#why .token.differs").first().hover();
  expect(await page.locator("#why .readout").textContent()).toMatch(
    /the plain model would have written “.+”; changed by/s,
  );
  await page.locator("#ask").click();
  await finished(page);
  expect(await page.locator("#why .token").count()).toBe(0);
});
