/** The map of a profile's heads: layers from left to right, heads from top to bottom; squares are turned to the
 * emphasis, discs away from it, and their area is the gain's size. */

import type { Explanation, Profile } from "../api/types";
import { signed } from "./amounts";
import { el, svg } from "./dom";
import { rove } from "./rove";
import { percent } from "./shades";
import { foldedTable } from "./table";

const CELL = 20;
const LEFT = 34;
const BELOW = 36;

type Masses = Explanation["heads"];

/** Say what a head does, and how much of its attention the emphasis had and has. */
export function describe(name: string, gain: number, masses: Masses): string {
  const mass = masses[name];
  const moved = mass ? `; attention on the emphasis ${percent(mass.before)} plain, ${percent(mass.after)} steered` : "";
  if (gain === 0) return `${name}: not steered${moved}`;
  const towards = gain > 0 ? "turned to the emphasis" : "turned away";
  return `${name}: gain ${signed(gain)}, ${towards}${moved}`;
}

/** Draw the map in place of what was there. */
export function drawHeads(place: HTMLElement, profile: Profile, masses: Masses): void {
  const { layers, heads } = profile;
  const gainOf = (name: string): number => profile.gains[name] ?? 0;
  const largest = Math.max(...Object.values(profile.gains).map(Math.abs), 1e-9);
  const readout = el("p", { class: "readout" }, "Point at a head, or walk over them with the arrow keys.");
  const names: string[] = [];
  const cells: SVGElement[] = [];
  const rows = range(heads).map((head) =>
    svg(
      "g",
      { role: "row" },
      ...range(layers).map((layer) => {
        const name = `L${layer}H${head}`;
        const about = describe(name, gainOf(name), masses);
        const shapes = [field(), ...mark(gainOf(name) / largest)];
        const where = `translate(${LEFT + layer * CELL} ${head * CELL})`;
        const cell = svg("g", { role: "gridcell", "aria-label": about, class: "head", transform: where }, ...shapes);
        names.push(name);
        cells.push(cell);
        return cell;
      }),
    ),
  );
  rove(cells, {
    across: layers,
    arrived: (index) => {
      const name = names[index] ?? "";
      readout.textContent = describe(name, gainOf(name), masses);
    },
  });
  const width = LEFT + layers * CELL + 2;
  const label = `Heads of the profile ${profile.name}`;
  const grid = svg("g", { role: "grid", "aria-label": label }, ...rows);
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${heads * CELL + BELOW}`, class: "heads" },
    grid,
    axes(layers, heads),
  );
  place.replaceChildren(
    el("p", { class: "facts" }, summary(profile, layers * heads)),
    el("div", { class: "scroll" }, picture),
    readout,
    table(profile, masses),
  );
}

function summary({ gains, strength, name }: Profile, all: number): string {
  const up = Object.values(gains).filter((gain) => gain > 0).length;
  const down = Object.keys(gains).length - up;
  const factor = Number(Math.exp(strength).toPrecision(3));
  return `${name}: ${up + down} of ${all} heads, ${up} turned to the emphasis (squares), ${down} away from it (discs); ×${factor}`;
}

function field(): SVGElement {
  return svg("rect", { x: 1, y: 1, width: CELL - 2, height: CELL - 2, rx: 2, class: "field" });
}

/** A square or a disc whose area is the gain's share of the largest; a disc of share 1 fills the field. */
function mark(share: number): SVGElement[] {
  if (share === 0) return [];
  const radius = Math.max(1.4, ((CELL - 2) / 2) * Math.sqrt(Math.abs(share)));
  const middle = CELL / 2;
  if (share < 0) return [svg("circle", { cx: middle, cy: middle, r: radius, class: "away" })];
  const side = radius * Math.sqrt(Math.PI);
  return [
    svg("rect", { x: middle - side / 2, y: middle - side / 2, width: side, height: side, rx: 1, class: "towards" }),
  ];
}

function axes(layers: number, heads: number): SVGElement {
  const below = heads * CELL;
  const words = (x: number, y: number, text: string, anchor: string): SVGElement =>
    svg("text", { x, y, "text-anchor": anchor }, text);
  const across = range(layers)
    .filter((layer) => layer % 5 === 0)
    .map((layer) => words(LEFT + (layer + 0.5) * CELL, below + 14, String(layer), "middle"));
  const down = range(heads)
    .filter((head) => heads <= 12 || head % 5 === 0)
    .map((head) => words(LEFT - 6, (head + 0.5) * CELL + 4, String(head), "end"));
  const turn = svg("text", { "text-anchor": "middle", transform: `translate(10 ${below / 2}) rotate(-90)` }, "head");
  const layer = words(LEFT + (layers * CELL) / 2, below + 31, "layer", "middle");
  return svg("g", { class: "axes", "aria-hidden": "true" }, ...across, ...down, turn, layer);
}

function table({ gains }: Profile, masses: Masses): HTMLElement {
  const sorted = Object.entries(gains).sort(([, one], [, other]) => Math.abs(other) - Math.abs(one));
  const rows = sorted.map(([name, gain]) => {
    const mass = masses[name];
    return [name, signed(gain), ...(mass ? [percent(mass.before), percent(mass.after)] : ["", ""])];
  });
  return foldedTable("Gains as a table", ["Head", "Gain", "On the emphasis, plain", "Steered"], rows);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
