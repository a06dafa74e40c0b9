// Point at a token of the answer: the prompt shows where that token looked.
(() => {
  const { before, after, unit } = JSON.parse(document.getElementById("heat").textContent);
  const spans = [...document.querySelectorAll("#prompt > span")];
  const places = [...document.querySelectorAll("#answer > span[tabindex]")];
  const whose = document.getElementById("whose");
  const readout = document.getElementById("readout");
  const legend = document.getElementById("legend");
  const mean = (rows) => spans.map((_, at) => rows.reduce((sum, row) => sum + row[at], 0) / rows.length);
  const all = { before: mean(before), after: mean(after) };
  const CHANGES = [1.25, 2, 5, 20];
  const SHARES = [0.5, 2, 8, 32];
  const percent = (share) => `${(share * 100).toFixed(share < 0.01 ? 2 : 1)} %`;
  let chosen = null;

  const change = (one, other) =>
    one === other ? 0 : other < one ? -change(other, one) : CHANGES.filter((least) => other >= least * one).length;
  const share = (value) => SHARES.filter((least) => value * spans.length >= least * unit).length;

  const paint = () => {
    const look = document.querySelector("input[name=look]:checked").value;
    const rows = chosen === null ? all : { before: before[chosen], after: after[chosen] };
    spans.forEach((span, at) => {
      const [one, other] = [rows.before[at], rows.after[at]];
      span.dataset.shade = look === "change" ? change(one, other) : share(rows[look][at]);
      span.title = `${percent(one / unit)} → ${percent(other / unit)}`;
    });
    legend.hidden = look !== "change";
    whose.textContent = chosen === null ? "while the whole answer was written" : `when “${places[chosen].textContent}” was chosen (token ${chosen + 1})`;
    readout.textContent = chosen === null ? "" : `“${places[chosen].textContent}”: ${places[chosen].title}`;
    places.forEach((place, at) => place.classList.toggle("chosen", at === chosen));
  };
  const choose = (at) => {
    chosen = at;
    paint();
  };
  places.forEach((place, at) => {
    place.addEventListener("pointerenter", () => choose(at));
    place.addEventListener("focus", () => choose(at));
  });
  document.getElementById("answer").addEventListener("pointerleave", () => choose(null));
  document.addEventListener("keydown", (event) => event.key === "Escape" && choose(null));
  for (const input of document.querySelectorAll("input[name=look]")) input.addEventListener("change", paint);
  for (const part of document.querySelectorAll(".scripted")) part.classList.remove("scripted");
})();
