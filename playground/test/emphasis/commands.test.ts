import fc from "fast-check";
import { type Command, EditorState, TextSelection } from "prosemirror-state";
import { expect, test } from "vitest";

import { clear, emphasise, nudge, reweigh, suppress } from "../../src/emphasis/commands";
import { documentOf, piecesOf, spansOf } from "../../src/emphasis/document";
import { isFactor, isWeight, LEAST, MOST } from "../../src/emphasis/factor";
import { numbering } from "../../src/emphasis/numbering";
import type { Piece } from "../../src/emphasis/pieces";
import { textOf } from "../../src/emphasis/pieces";
import { pieces } from "../arbitrary";

function start(given: readonly Piece[], from = 0, to = 0): EditorState {
  const state = EditorState.create({ doc: documentOf(given), plugins: [numbering()] });
  return select(state, from, to);
}

function select(state: EditorState, from: number, to: number): EditorState {
  return state.apply(state.tr.setSelection(TextSelection.between(state.doc.resolve(from), state.doc.resolve(to))));
}

function run(state: EditorState, command: Command): EditorState {
  let after = state;
  command(state, (change) => (after = state.apply(change)));
  return after;
}

/** A document and a selection somewhere in it. */
const selected = pieces.chain((given) => {
  const place = fc.nat(documentOf(given).content.size);
  return fc.tuple(fc.constant(given), place, place).map(([all, one, other]) => start(all, one, other));
});

const plain: Piece[] = [{ text: "Be brief. Answer in JSON.", weight: null }];

test("emphasising twice is not emphasising", () => {
  const bold = run(start(plain, 11, 26), emphasise);
  expect(piecesOf(bold.doc)).toEqual([
    { text: "Be brief. ", weight: null },
    { text: "Answer in JSON.", weight: "default" },
  ]);
  expect(piecesOf(run(bold, emphasise).doc)).toEqual(plain);
});

test("white space at the edges of a selection stays plain", () => {
  expect(spansOf(run(start(plain, 10, 18), emphasise).doc).map(({ text }) => text)).toEqual(["Answer"]);
});

test("suppressing what is lifted suppresses it", () => {
  const damped = run(run(start(plain, 1, 3), emphasise), suppress);
  expect(spansOf(damped.doc).map(({ text, weight }) => [text, weight])).toEqual([["Be", 0.1]]);
});

test("with nothing selected, what is typed next is emphasised until the key is pressed again", () => {
  const type = (state: EditorState, text: string): EditorState => {
    const node = state.schema.text(text, state.storedMarks ?? state.selection.$from.marks());
    return state.apply(state.tr.replaceSelectionWith(node, false));
  };
  const bold = type(run(start(plain, 26, 26), emphasise), " Now");
  const after = type(run(bold, emphasise), "!");
  expect(piecesOf(after.doc).slice(1)).toEqual([
    { text: " Now", weight: "default" },
    { text: "!", weight: null },
  ]);
});

test("no command changes a letter, and weights stay weights", () => {
  const commands = [emphasise, suppress, clear, nudge(1, () => 31.6), nudge(-1, () => 31.6)];
  fc.assert(
    fc.property(selected, fc.array(fc.constantFrom(...commands), { maxLength: 5 }), (before, given) => {
      const after = given.reduce(run, before);
      expect(after.doc.textBetween(0, after.doc.content.size, "\n")).toBe(textOf(piecesOf(before.doc)));
      for (const { weight } of spansOf(after.doc)) expect(isWeight(weight)).toBe(true);
    }),
  );
});

test("spans keep numbers of their own, whatever is done to them", () => {
  const commands = [emphasise, suppress, clear, nudge(1, () => 31.6)];
  const step = fc.tuple(fc.constantFrom(...commands), fc.nat(60), fc.nat(60));
  fc.assert(
    fc.property(selected, fc.array(step, { maxLength: 5 }), (before, steps) => {
      let state = before;
      for (const [command, from, to] of steps) {
        const end = state.doc.content.size;
        state = run(select(state, Math.min(from, end), Math.min(to, end)), command);
      }
      const ids = spansOf(state.doc).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(Math.min(1, ...ids)).toBe(1);
    }),
  );
});

test("a slider changes its own span alone, beside one of the same weight too", () => {
  const two = start([
    { text: "a", weight: 10 },
    { text: "b", weight: 20 },
  ]);
  const same = run(two, reweigh(2, 10));
  expect(piecesOf(run(same, reweigh(2, 50)).doc).map(({ weight }) => weight)).toEqual([10, 50]);
  expect(piecesOf(run(same, reweigh(1, null)).doc).map(({ weight }) => weight)).toEqual([null, 10]);
});

test("a span cut in two is two spans", () => {
  const middle = run(select(run(start(plain, 1, 26), emphasise), 4, 9), emphasise);
  const [first, second] = spansOf(middle.doc);
  expect([first?.text, second?.text]).toEqual(["Be ", ". Answer in JSON."]);
  expect(first?.id).not.toBe(second?.id);
});

test("arrow keys end at the ends of the slider", () => {
  let state = start([{ text: "a", weight: 50 }], 1, 2);
  for (let press = 0; press < 40; press += 1) {
    state = run(
      state,
      nudge(-1, () => 1),
    );
    expect(spansOf(state.doc).every(({ weight }) => isFactor(weight))).toBe(true);
  }
  expect(spansOf(state.doc)[0]?.weight).toBe(LEAST);
  for (let press = 0; press < 40; press += 1)
    state = run(
      state,
      nudge(1, () => 1),
    );
  expect(spansOf(state.doc)[0]?.weight).toBe(MOST);
});
