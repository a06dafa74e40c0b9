/** Elements. Text is always text: nothing here reads markup, and no attribute runs anything. */

type Plain =
  "class" | "for" | "id" | "max" | "min" | "name" | "role" | "scope" | "step" | "tabindex" | "title" | "type" | "value";
export type Attributes = Partial<Record<Plain | `aria-${string}` | `data-${string}`, string>>;

const SVG = "http://www.w3.org/2000/svg";

/** Make an element with attributes and children. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes as Record<string, string>)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Make an element of a picture. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Record<string, string | number> = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Make a button that does something. */
export function button(words: string, attributes: Attributes, pressed: () => void): HTMLButtonElement {
  const made = el("button", { type: "button", ...attributes }, words);
  made.addEventListener("click", pressed);
  return made;
}

/** Return the element of the page with this id. */
export function at<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} #${id}.`);
  return found;
}
