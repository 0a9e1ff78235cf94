// Adjudication: the reviews of an image side by side, without names until it is decided, and where they differ.
function showVersions() {
  showDiffering();
  $("#versions").replaceChildren(...item.reviews.map((review, i) => {
    const button = el("button", { className: "version" },
      el("span", { className: "head" }, el("kbd", {}, String(i + 1)), el("b", {}, reviewName(review)),
        el("span", { className: `chip ${review.verdict === "reject" ? "bad" : ""}` }, VERDICTS[review.verdict])),
      el("span", { className: "words" }, ...review.segments.map(([words, differs]) => (differs ? el("ins", {}, words) : words))),
      el("span", { className: "dims" }, ...Object.keys(KEYS).map(dimension => judged(review, dimension))));
    button.addEventListener("click", () => useText(i));
    return button;
  }));
}

const reviewName = review => (review.annotator ? `${review.label}: ${review.annotator}` : review.label);

function judged(review, dimension) {
  const value = review.judgements[dimension] ?? "–";
  const node = el("span", { className: item.differing.includes(dimension) ? "apart" : "" }, `${dimension} `, el("i", {}, value));
  node.dataset.value = value;
  return node;
}

// What to look at first: each thing in which the reviews differ, with what each says.
function showDiffering() {
  $("#differing").replaceChildren(el("dt", {}, "Differs here"), ...item.differing.map(what =>
    el("dd", {}, el("b", {}, what), " ", difference(what))));
}

function difference(what) {
  const answers = item.reviews.map(review => ({
    verdict: VERDICTS[review.verdict], text: differingWords(review),
  })[what] ?? review.judgements[what] ?? "–");
  if (what === "text" && answers.join("").length > 100) return "in much: see the marked words";
  return item.reviews.map((review, i) => `${review.label} ${answers[i]}`).join(", ");
}

const differingWords = review =>
  review.segments.filter(([, differs]) => differs).map(([words]) => `“${words.trim()}”`).join(" ") || "nothing more";
