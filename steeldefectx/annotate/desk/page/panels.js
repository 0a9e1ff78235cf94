// How far the work is, and how well the annotators agree.
function table(label, headings, rows) {
  const node = el("table", {}, el("thead", {}, el("tr", {}, ...headings.map(text => el("th", { scope: "col" }, text)))));
  node.append(el("tbody", {}, ...rows.map(cells => el("tr", {}, ...cells.map(cell => el("td", {}, cell))))));
  return el("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: label }, node);
}

function panel(title, ...parts) {
  return el("div", { className: "panel" }, el("h2", {}, title), ...parts);
}

const rounded = (value, digits) => (value === null ? "–" : value.toFixed(digits));

function bar(share) {
  const filled = el("i");
  filled.style.width = `${share}%`;
  return el("div", { className: "bar" }, filled);
}

function counted(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

async function showProgress() {
  const progress = await call("show_progress");
  const own = progress.self_adjudicated ? ` (${progress.self_adjudicated} by one of their own two annotators)` : "";
  $("#progress").replaceChildren(
    el("h1", {}, "Progress"),
    panel("T3", bar(percent(progress.finished, progress.images)),
      el("p", {}, `${progress.finished} of ${counted(progress.images, "image has its", "images have their")} final verdict, ${progress.texts} of them a T3 text. ` +
        `${counted(progress.waiting, "waits", "wait")} for adjudication, ${counted(progress.adjudicated, "is", "are")} adjudicated${own}. ` +
        `Hours of work left, for two annotators together: ${rounded(progress.hours_left, 1)}.`)),
    panel("Annotators", table("Annotators", ["annotator", "done", "left", "images an hour", "hours left"], progress.annotators.map(person => [
      person.annotator, person.done, person.left, rounded(person.images_an_hour, 0), rounded(person.hours_left, 1),
    ])), el("p", {}, "Hours count time at the desk: a minute without a key or a move of the mouse stops the clock.")),
    ...progress.pairs.map(agreementPanel));
}

function agreementPanel(pair) {
  const rows = pair.rows.map(row => [
    row.what, rounded(row.kappa, 2), row.interval ? row.interval.map(end => end.toFixed(2)).join(" to ") : "–",
    rounded(row.same === null ? null : 100 * row.same, 0), row.images,
  ]);
  const few = pair.rows[0].few ? `${counted(pair.rows[0].images, "image is", "images are")} too few to tell how well they agree: look at the interval, not at κ. ` : "";
  return panel(`Agreement of ${pair.annotators.join(" and ")}`,
    table(`${pair.annotators.join(" and ")}: agreement`, ["on", "Cohen’s κ", "95 % interval", "same %", "images"], rows),
    el("p", {}, el("b", {}, few), "κ is 1 for full agreement and 0 for what chance would give; – where one answer is all that was given. " +
      "Judgements start with what the check found, which raises κ."));
}
