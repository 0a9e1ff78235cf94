// The pages beside the desk: what one has done, and how far the work is.
function table(headings, rows, wordColumns = 1) {
  const node = el("table");
  node.append(el("tr", {}, ...headings.map((text, i) => el("th", { className: i < wordColumns ? "words" : "" }, text))));
  for (const { cells, id } of rows) {
    const row = el("tr", {}, ...cells.map((cell, i) => el("td", { className: i < wordColumns ? "words" : "" }, cell)));
    if (id !== undefined) {
      row.dataset.id = id;
      row.addEventListener("click", () => openReview(id));
    }
    node.append(row);
  }
  return node;
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

async function showDone() {
  const reviews = await call("list_done");
  const rows = reviews.map(review => ({
    id: review.image_id,
    cells: [review.image_id, review.class_name, VERDICTS[review.verdict], review.text, new Date(review.updated).toLocaleString()],
  }));
  $("#done").replaceChildren(panel(`Your last ${reviews.length} reviews, the newest first`, rows.length
    ? table(["image", "class", "verdict", "text", "when"], rows, 5)
    : el("p", {}, "Nothing yet. What you review is listed here, and can be opened again until it is adjudicated.")));
}

async function showProgress() {
  const progress = await call("show_progress");
  $("#progress").replaceChildren(
    panel("T3", bar(percent(progress.finished, progress.images)),
      el("p", {}, `${progress.finished} of ${progress.images} images have their final verdict, ${progress.texts} of them a T3 text. ` +
        `${progress.waiting} wait for adjudication, ${progress.adjudicated} are adjudicated. ` +
        `Hours of work left, for two annotators together: ${rounded(progress.hours_left, 1)}.`)),
    panel("Annotators", table(["annotator", "done", "left", "images an hour", "hours left"], progress.annotators.map(person => ({
      cells: [person.annotator, person.done, person.left, rounded(person.images_an_hour, 0), rounded(person.hours_left, 1)],
    }))), el("p", {}, "Hours count time at the desk: a minute without a key or a move of the mouse stops the clock.")),
    ...progress.pairs.map(pair => panel(`Agreement of ${pair.annotators.join(" and ")}`,
      table(["", "Cohen's κ", "same %", "images"], pair.rows.map(row => ({
        cells: [row.what.replace("_", " "), rounded(row.kappa, 2), rounded(100 * row.same, 0), row.images],
      }))), el("p", {}, "κ is 1 for full agreement and 0 for what chance would give; – where one answer is all that was given."))));
}
