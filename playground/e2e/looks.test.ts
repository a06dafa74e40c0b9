import axe, { type AxeResults } from "axe-core";
import type { BrowserContextOptions } from "playwright-core";
import { describe, expect } from "vitest";

import { finished, set, test } from "./visit";

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 360, height: 740 }, colorScheme: "light", isMobile: true, hasTouch: true },
};

describe.each(Object.entries(LOOKS))("%s", (name, options) => {
  test.override({ options });

  test("everybody can read and use the page, before and after an answer", async ({ visit: { page } }) => {
    const faults = async (): Promise<string[]> => {
      await page.evaluate(`${axe.source}; undefined`);
      const { violations } = await page.evaluate<AxeResults>("axe.run()");
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    };
    const wide = (): Promise<boolean> =>
      page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(await faults()).toEqual([]);
    await set(page, "Longest answer", "40");
    await page.getByRole("button", { name: /^Ask/ }).click();
    await finished(page);
    await page.getByRole("listbox", { name: "Tokens of the prompt" }).waitFor();
    const folder = process.env["SCREENSHOTS"];
    await page.locator("#more").evaluate((fold) => fold.removeAttribute("open"));
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
    await page.locator("details").evaluateAll((folds) => folds.forEach((fold) => fold.setAttribute("open", "")));
    expect(await faults()).toEqual([]);
    expect(await wide()).toBe(false);
  });
});

test("the theme can be chosen, and is kept", async ({ visit: { page } }) => {
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const button = page.getByRole("button", { name: /^Theme/ });
  await button.click();
  const light = await ground();
  await button.click();
  const dark = await ground();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await button.textContent()).toBe("Theme: dark");
  expect(await ground()).toBe(dark);
});
