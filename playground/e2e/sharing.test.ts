import { execFileSync } from "node:child_process";

import { expect } from "vitest";

import { come, field, finished, select, SERVER, set, test, write } from "./visit";

async function shared(page: import("playwright-core").Page, kind: string): Promise<string> {
  await page.getByRole("button", { name: kind }).click();
  await page.locator("#copied").waitFor();
  return page.locator("#copied-text").inputValue();
}

test("a link opens the same prompt elsewhere, tells no server, and asks nothing by itself", async ({ visit }) => {
  const { page, asked } = visit;
  await set(page, "Seed", "7");
  await set(page, "Key of the server", "very-secret");
  await write(page, "System", "Be brief.");
  await write(page, "User", "Name a city in Italy.");
  await select(page, 5, 6);
  await page.keyboard.press("ControlOrMeta+Shift+b");
  const link = await shared(page, "Share link");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  const said = Buffer.from(link.split("#prompt=")[1] ?? "", "base64url").toString();
  expect(said).toContain("Italy");
  expect(said).not.toContain("secret");
  asked.length = 0;
  await page.goto("about:blank");
  await come(page, link.slice(link.indexOf("#")));
  await expect.poll(() => field(page, "User").textContent()).toBe("Name a city in Italy.");
  expect(await field(page, "System").textContent()).toBe("Be brief.");
  expect(await field(page, "User").locator("mark.suppressed").allTextContents()).toEqual(["a city"]);
  expect(await page.getByLabel("Seed").inputValue()).toBe("7");
  expect(asked.filter((address) => address.includes("prompt="))).toEqual([]);
  expect(asked.filter((address) => address.includes("completions"))).toEqual([]);
});

test("what a hostile link carries is text, or is refused", async ({ visit: { page } }) => {
  const forge = (content: object): string => `#prompt=${Buffer.from(JSON.stringify(content)).toString("base64url")}`;
  const whole = {
    version: 1,
    system: [],
    model: "../../etc/passwd",
    profile: "<b>",
    factor: null,
    scope: null,
    temperature: 0,
    longest: 5,
    seed: null,
  };
  const words = "<img src=x onerror=alert(1)>";
  await page.goto("about:blank");
  await come(page, forge({ ...whole, user: [[words, 10]] }));
  await expect.poll(() => field(page, "User").locator("mark").textContent()).toBe(words);
  expect(await page.getByLabel("Model").inputValue()).not.toContain("passwd");
  await page.goto("about:blank");
  await come(page, forge({ ...whole, user: [[words, "javascript:alert(1)"]] }));
  await expect.poll(() => page.locator("#notices").textContent()).toContain("cannot be");
  await page.goto("about:blank");
  await come(page, "#prompt=%00garbage");
  await expect.poll(() => page.locator("#notices").textContent()).toBe("The link is damaged.");
});

test("curl and Python say what the page asks", async ({ visit: { page } }) => {
  await set(page, "Longest answer", "12");
  await write(page, "User", 'It\'s "quoted" $HOME `id` — say a word.');
  await select(page, 25, 8);
  await page.keyboard.press("ControlOrMeta+b");
  await page.keyboard.press("ControlOrMeta+Enter");
  const { steered } = await finished(page);
  const env = { ...process.env, HOME: "/nowhere" };
  const python = execFileSync(process.env["PYTHON"] ?? "python3", ["-"], {
    input: await shared(page, "Copy Python"),
    encoding: "utf-8",
    env,
  });
  expect(python.replace(/\n$/, "")).toBe(steered);
  const curl = await shared(page, "Copy curl");
  expect(curl).toContain(`${SERVER}v1/chat/completions`);
  const said = execFileSync("sh", [], { input: curl, encoding: "utf-8", env, stdio: ["pipe", "pipe", "ignore"] });
  expect((JSON.parse(said) as { choices: { message: { content: string } }[] }).choices[0]?.message.content).toBe(
    steered,
  );
});
