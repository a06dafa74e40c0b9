/** Numbers as people read them. */

/** Write a number with its sign and two digits. */
export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

/** Write `1 token`, `2 tokens`. */
export function count(number: number, thing: string): string {
  return `${number} ${number === 1 ? thing : `${thing}s`}`;
}
