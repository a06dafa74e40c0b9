/** Server-sent events: the data of each, out of a text that arrives in arbitrary parts. */

/** Collects text and gives the events that are complete. Comments and other fields are left out. */
export class EventReader {
  private rest = "";
  private data: string[] = [];

  /** Take the next part and return the data of the events that end in it. */
  push(part: string): string[] {
    const lines = (this.rest + part).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.take(line));
  }

  private take(line: string): string[] {
    if (line === "") {
      const complete = this.data.length > 0 ? [this.data.join("\n")] : [];
      this.data = [];
      return complete;
    }
    if (line.startsWith("data:")) this.data.push(line.slice(line[5] === " " ? 6 : 5));
    return [];
  }
}
