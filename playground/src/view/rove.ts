/** Roving focus: many things, one stop of the Tab key; arrow keys go from one to the next. */

export interface Rows {
  /** How many things stand in a row; arrows up and down go by so many. */
  readonly across: number;
  readonly arrived: (index: number) => void;
}

/** Let the arrow keys walk over the items, and the pointer touch them. */
export function rove(items: readonly (HTMLElement | SVGElement)[], { across, arrived }: Rows): void {
  const go = (index: number): void => {
    items.forEach((item, place) => item.setAttribute("tabindex", place === index ? "0" : "-1"));
    items[index]?.focus();
  };
  items.forEach((item, index) => {
    item.setAttribute("tabindex", index === 0 ? "0" : "-1");
    item.addEventListener("focus", () => arrived(index));
    item.addEventListener("pointerenter", () => arrived(index));
    item.addEventListener("click", () => go(index));
    item.addEventListener("keydown", (event) => {
      const next = target((event as KeyboardEvent).key, index, items.length, across);
      if (next === null) return;
      event.preventDefault();
      go(next);
    });
  });
}

/** Return where a key leads from a place; null where it leads nowhere. */
export function target(key: string, index: number, count: number, across: number): number | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
  const step = steps[key];
  const next = key === "Home" ? 0 : key === "End" ? count - 1 : step === undefined ? -1 : index + step;
  return next >= 0 && next < count ? next : null;
}
