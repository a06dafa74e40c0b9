/** The text of tokens as people see it: line ends too. */

/** Return the text with a sign at every line end; `inline` leaves the lines unbroken. */
export function visible(text: string, inline = false): string {
  return text.replace(/\n/g, inline ? "↵" : "↵\n");
}
