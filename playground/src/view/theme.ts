/** Light, dark, or as the system has it. */

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEPT = "boldface-theme";

/** Let a button change the theme, and keep the choice for the next visit. */
export function themes(button: HTMLButtonElement): void {
  let theme = kept();
  const show = (): void => {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
    localStorage.setItem(KEPT, theme);
    show();
  });
  show();
}

function kept(): Theme {
  const said = localStorage.getItem(KEPT);
  return THEMES.find((theme) => theme === said) ?? "system";
}
