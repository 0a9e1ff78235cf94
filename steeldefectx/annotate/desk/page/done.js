// What one has reviewed, and what is closed: small pictures, filtered by class, risk, annotator and words.
const RISK_CHOICES = { "": "any risk", high: "risk 0.5 and more", some: "risk above 0", none: "risk 0" };
let doneFilter = { class_name: "", risk: "", annotator: "", words: "" }, doneTimer = null;

async function showDone() {
  const found = await call("list_done", doneFilter);
  const list = el("ol", { className: "reviews" }), rest = el("div", { className: "rest" });
  $("#done").replaceChildren(
    el("h1", {}, "Done"),
    el("div", { className: "filters", role: "search" },
      choice("class_name", "Class", { "": "all classes", ...named(found.classes) }),
      choice("risk", "Risk", RISK_CHOICES),
      choice("annotator", "Annotator", { "": "everybody", ...named(found.annotators) }),
      wordsField()),
    el("p", { id: "found", role: "status" }, ""), list, rest);
  showReviews(found);
}

const named = names => Object.fromEntries(names.map(name => [name, name]));

function choice(field, label, choices) {
  const select = el("select", {}, ...Object.entries(choices).map(([value, name]) => el("option", { value }, name)));
  select.value = doneFilter[field];
  select.addEventListener("change", () => { doneFilter[field] = select.value; filterDone(); });
  return el("label", {}, label, select);
}

function wordsField() {
  const input = el("input", { type: "search", value: doneFilter.words, maxLength: 200, placeholder: "in text or image id" });
  input.addEventListener("input", () => {
    doneFilter.words = input.value;
    clearTimeout(doneTimer);
    doneTimer = setTimeout(filterDone, 250);
  });
  return el("label", {}, "Words", input);
}

async function filterDone(start = 0) {
  const asked = JSON.stringify(doneFilter);
  try {
    const found = await call("list_done", { ...doneFilter, start });
    if (currentView === "done" && asked === JSON.stringify(doneFilter)) showReviews(found, start);
  } catch (error) {
    notice(error.message);
  }
}

function showReviews(found, start = 0) {
  const list = $("#done ol"), rows = found.reviews.map(reviewRow);
  start ? list.append(...rows) : list.replaceChildren(...rows);
  const shown = list.children.length, filtered = Object.values(doneFilter).some(Boolean);
  $("#found").textContent = found.total
    ? `${counted(found.total, "review", "reviews")}, the newest first. Yours can be opened again until they are adjudicated; of adjudicated images everybody’s are here.`
    : filtered ? "No review fits." : "Nothing yet. What you review is listed here, and can be opened again until it is adjudicated.";
  const more = el("button", {}, `Show ${Math.min(50, found.total - shown)} more of ${found.total}`);
  more.addEventListener("click", () => filterDone(shown));
  $("#done .rest").replaceChildren(...(shown < found.total ? [more] : []));
}

function reviewRow(review) {
  const risk = review.risk === null ? [] : [el("span", { className: `chip ${riskClass(review.risk)}` }, `risk ${review.risk.toFixed(2)}`)];
  return el("li", {}, el("a", { href: `./${placeUrl(`review/${review.image_id}`)}` },
    el("img", { src: pictureUrl("thumbnail", review.image_id), alt: "", loading: "lazy", width: 80, height: 80 }),
    el("span", { className: "what" }, el("b", {}, review.class_name), " ", el("span", { className: "id" }, review.image_id)),
    el("span", { className: "said" }, review.text),
    el("span", { className: "how" }, el("span", { className: `chip ${review.verdict === "reject" ? "bad" : "good"}` }, VERDICTS[review.verdict]), ...risk,
      el("span", {}, `${review.annotator}, ${new Date(review.updated).toLocaleString([], { dateStyle: "short", timeStyle: "short" })}`))));
}
