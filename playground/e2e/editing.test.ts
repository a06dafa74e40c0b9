import { expect } from "vitest";

import { field, select, test, write } from "./visit";

const WORDS = "Be brief. Answer in JSON.";

test("Ctrl+B emphasises the selected words, and again takes it back", async ({ visit: { page } }) => {
  await write(page, "User", WORDS);
  await select(page, 10, 15);
  await page.keyboard.press("ControlOrMeta+b");
  const marked = field(page, "User").locator("mark");
  expect(await marked.allTextContents()).toEqual(["Answer in JSON."]);
  expect(await page.getByRole("status").textContent()).toBe("Emphasised: “Answer in JSON.”.");
  await page.keyboard.press("ControlOrMeta+b");
  expect(await marked.count()).toBe(0);
  await page.keyboard.press("ControlOrMeta+z");
  expect(await marked.allTextContents()).toEqual(["Answer in JSON."]);
});

test("suppressed words have another colour, and the buttons do what the keys do", async ({ visit: { page } }) => {
  await write(page, "User", WORDS);
  await select(page, 10, 15);
  await page.getByRole("button", { name: "Emphasise" }).click();
  await select(page, 0, 9);
  await page.keyboard.press("ControlOrMeta+Shift+b");
  const colours = await field(page, "User")
    .locator("mark")
    .evaluateAll((marks) => marks.map((mark) => [mark.textContent, getComputedStyle(mark).backgroundColor]));
  expect(colours.map(([words]) => words)).toEqual(["Be brief.", "Answer in JSON."]);
  expect(colours[0]?.[1]).not.toBe(colours[1]?.[1]);
  await page.getByRole("button", { name: "Clear" }).click();
  expect(await field(page, "User").locator("mark").allTextContents()).toEqual(["Answer in JSON."]);
});

test.for(["keys", "buttons"])(
  "the %s work on what is selected, even before the browser tells of it",
  async (means, { visit: { page } }) => {
    await write(page, "User", WORDS);
    await select(page, 10, 15);
    await expect.poll(() => page.evaluate(() => getSelection()?.toString())).toBe("Answer in JSON.");
    const words = await page.evaluate((byKey) => {
      getSelection()?.modify("extend", "backward", "character"); // told of after this function
      const selected = getSelection()?.toString();
      const key = { key: "b", ctrlKey: true, bubbles: true, cancelable: true };
      if (byKey) document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", key));
      else document.getElementById("emphasise")?.click();
      return selected;
    }, means === "keys");
    expect(words).toBe("Answer in JSON");
    expect(await field(page, "User").locator("mark").allTextContents()).toEqual([words]);
  },
);

test("each span has a slider that the arrow keys move", async ({ visit: { page } }) => {
  await write(page, "User", WORDS);
  await select(page, 10, 15);
  await page.keyboard.press("ControlOrMeta+b");
  const slider = page.getByRole("slider", { name: "Factor of “Answer in JSON.”" });
  expect(await slider.getAttribute("aria-valuetext")).toMatch(/^×[\d.]+, by default$/);
  await slider.focus();
  await page.keyboard.press("Home");
  expect(await slider.getAttribute("aria-valuetext")).toBe("×0.01");
  expect(await field(page, "User").locator("mark.suppressed").count()).toBe(1);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  expect(await slider.getAttribute("aria-valuetext")).toBe("×89.1");
  expect(await field(page, "User").locator("mark.lifted").count()).toBe(1);
  await page.getByRole("button", { name: "Default factor for “Answer in JSON.”" }).click();
  expect(await slider.getAttribute("aria-valuetext")).toMatch(/by default$/);
  expect(await slider.evaluate((element) => element === document.activeElement)).toBe(true);
  await page.getByRole("button", { name: "No emphasis on “Answer in JSON.”" }).click();
  expect(await slider.count()).toBe(0);
});

test("Alt with arrows changes the factor where the cursor is", async ({ visit: { page } }) => {
  await write(page, "User", WORDS);
  await select(page, 10, 15);
  await page.keyboard.press("ControlOrMeta+Shift+b");
  await page.keyboard.press("Alt+ArrowDown");
  const slider = page.getByRole("slider", { name: /Answer in JSON/ });
  expect(await slider.getAttribute("aria-valuetext")).toBe("×0.0562");
});

test("the system prompt carries emphasis of its own", async ({ visit: { page } }) => {
  await write(page, "System", "You are terse.");
  await select(page, 8, 5);
  await page.keyboard.press("ControlOrMeta+b");
  expect(await field(page, "System").locator("mark").allTextContents()).toEqual(["terse"]);
  await page.getByRole("slider", { name: "Factor of “terse”" }).waitFor();
});

test("the preview shows the tokens that the emphasis hits", async ({ visit: { page } }) => {
  await write(page, "User", WORDS);
  await select(page, 10, 6);
  await page.keyboard.press("ControlOrMeta+b");
  const preview = page.getByRole("group", { name: "Tokens that the emphasis hits" });
  await preview.locator(".chip").first().waitFor();
  expect((await preview.locator(".chip").allTextContents()).join("").trim()).toBe("Answer");
  expect(await preview.textContent()).toMatch(/^1 of \d+ prompt tokens:/);
});

test("lines and other scripts stay as they are typed and pasted", async ({ visit: { page } }) => {
  const words = "erste Zeile\n\nمرحبا 👩‍🚀 <b>no</b>";
  await page.evaluate((text) => navigator.clipboard.writeText(text), words);
  await field(page, "User").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("ControlOrMeta+v");
  expect(await field(page, "User").locator("p").allTextContents()).toEqual(["erste Zeile", "", "مرحبا 👩‍🚀 <b>no</b>"]);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("ControlOrMeta+c");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(words);
});

test("bold words of other programs are emphasised when pasted; everything else of them is text", async ({
  visit: { page, complaints },
}) => {
  const html =
    '<p onclick="alert(1)">plain <b>bold</b><img src=x onerror="alert(2)"><script>alert(3)</script> <i>end</i></p>';
  await page.evaluate(async (markup) => {
    const item = new ClipboardItem({ "text/html": new Blob([markup], { type: "text/html" }) });
    await navigator.clipboard.write([item]);
  }, html);
  await field(page, "User").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("ControlOrMeta+v");
  expect(await field(page, "User").textContent()).toBe("plain bold end");
  expect(await field(page, "User").locator("mark").allTextContents()).toEqual(["bold"]);
  expect(complaints.splice(0).every((words) => words.includes("inline event handler"))).toBe(true); // none has run
  expect(await field(page, "User").locator("img:not(.ProseMirror-separator), script, [onclick]").count()).toBe(0);
});

test("Tab leaves the fields, and everything is reached in the order of the page", async ({ visit: { page } }) => {
  await page.locator("#skip").focus();
  await page.keyboard.press("Enter");
  const seen: string[] = [];
  for (let step = 0; step < 8; step += 1) {
    seen.push(await page.evaluate(() => document.activeElement?.id || document.activeElement?.className || ""));
    await page.keyboard.press("Tab");
  }
  expect(seen[0]).toContain("ProseMirror");
  const order = ["ask", "share", "curl", "python"].map((id) => seen.indexOf(id));
  expect(order.every((place, index) => place > 0 && (index === 0 || place > (order[index - 1] ?? 0)))).toBe(true);
});
