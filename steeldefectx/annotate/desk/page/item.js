// The image on the desk with its texts: what is proposed, what one makes of it.
const KEYS = { shape: "s", size: "z", depth: "d", location: "l", contrast: "k" };
const JUDGEMENTS = ["right", "wrong", "not stated"];
const VERDICTS = { accept: "accepted", edit: "edited", reject: "rejected", cannot_tell: "cannot tell" };
const text = $("#text");
let item = null, currentView = "review", seconds = 0, checkTimer = null;

// -- Showing

function show(next) {
  item = next;
  forgetDraft();
  $("#work").hidden = !item;
  $("#empty").hidden = Boolean(item);
  if (!item) return showEmpty();
  seconds = item.seconds;
  $("#class").textContent = item.class_name;
  $("#t1").textContent = item.t1 ?? "";
  $("#image-id").textContent = item.image_id;
  showImage(item);
  showState();
  currentView === "review" ? showCandidates() : showVersions();
  $("#candidates").hidden = $(".judged").hidden = currentView !== "review";
  $("#versions").hidden = currentView === "review";
  text.value = item.text;
  text.disabled = item.locked;
  $("#saved").textContent = item.draft ? "Draft restored" : "";
  textChanged();
  for (const id of item.upcoming) new Image().src = imageUrl("image", id);
}

function showState() {
  const risk = $("#risk"), state = $("#state");
  risk.textContent = item.risk === null ? "" : `risk ${item.risk.toFixed(2)}`;
  risk.className = `chip ${item.risk >= 0.5 ? "bad" : item.risk > 0 ? "warn" : ""}`;
  state.textContent = item.locked ? "adjudicated, closed" : item.verdict ? VERDICTS[item.verdict] : "";
  state.className = "chip good";
  for (const button of element.querySelectorAll("[data-verdict]")) button.disabled = item.locked;
}

function showEmpty() {
  $("#empty p").textContent = currentView === "review"
    ? "You have reviewed every image there is for you.\nB goes back to what you have done, J to what awaits adjudication."
    : "No two reviews differ that are not adjudicated.\nB goes back to your decisions, W to reviewing.";
}

function showCandidates() {
  $("#candidates").replaceChildren(...item.candidates.map((candidate, i) => {
    const button = el("button", { className: `candidate ${candidate.proposed ? "proposed" : ""}` },
      el("kbd", {}, String(i + 1)), el("span", {}, ...markFlags(candidate.segments)));
    button.addEventListener("click", () => useText(i));
    return button;
  }));
  if (!item.candidates.length) $("#candidates").append(el("p", {}, `No description was generated: ${item.failure ?? "none yet"}. Write one, or reject.`));
  showJudgements();
}

function showJudgements() {
  $("#dimensions").replaceChildren(...Object.entries(KEYS).map(([dimension, key]) => {
    const value = item.judgements[dimension];
    const button = el("button", { className: "dimension", disabled: item.locked },
      el("span", {}, dimension, el("kbd", {}, key.toUpperCase())), el("i", {}, value));
    button.dataset.value = value;
    button.dataset.dimension = dimension;
    button.addEventListener("click", () => judge(dimension));
    return button;
  }));
}

function showVersions() {
  $("#versions").replaceChildren(...item.reviews.map((review, i) => {
    const judgements = Object.keys(KEYS).map(dimension => el("span", {
      className: item.differing_dimensions.includes(dimension) ? "apart" : "",
    }, `${dimension} ${review.judgements[dimension] ?? "–"}`));
    const button = el("button", { className: "version" },
      el("div", {}, el("kbd", {}, String(i + 1)), el("b", {}, review.annotator),
        el("span", { className: `chip ${review.verdict === "reject" ? "bad" : ""}` }, VERDICTS[review.verdict])),
      el("p", {}, ...review.segments.map(([words, differs]) => (differs ? el("ins", {}, words) : words))),
      el("div", { className: "dims" }, ...judgements));
    button.addEventListener("click", () => useText(i));
    return button;
  }));
}

function markFlags(segments) {
  return segments.map(([words, flag]) => (flag ? el("mark", { title: flagText(flag) }, words) : words));
}

const flagText = flag => `${flag.kind}: claims ${flag.claimed}, measured ${flag.measured}`;

// -- Working on it

const proposedTexts = () => (currentView === "review" ? item.candidates : item.reviews).map(proposal => proposal.text);

function textChanged() {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 190)}px`;
  $("#backdrop").replaceChildren();
  const chosen = proposedTexts().indexOf(text.value.trim());
  const buttons = $(currentView === "review" ? "#candidates" : "#versions").querySelectorAll("button");
  buttons.forEach((button, i) => button.classList.toggle("taken", i === chosen));
  $("#accept").replaceChildren(chosen < 0 ? "Save edit " : "Accept ", el("kbd", {}, "A"));
  clearTimeout(checkTimer);
  checkTimer = setTimeout(checkText, 250);
}

// The box is checked while one types: flagged words are marked behind them, and listed below.
async function checkText() {
  if (!item) return;
  const sent = { image_id: item.image_id, text: text.value };
  const segments = await call("check_text", sent).catch(() => []);
  if (item?.image_id !== sent.image_id || text.value !== sent.text) return;
  $("#backdrop").replaceChildren(...markFlags(segments), "\n");
  const flagged = segments.filter(([, flag]) => flag);
  $("#flags").replaceChildren(...flagged.map(([words, flag]) => el("span", { className: "chip warn" }, `“${words}”  ${flagText(flag)}`)));
}

function useText(index) {
  const proposed = proposedTexts()[index];
  if (proposed === undefined || item.locked) return;
  text.value = proposed;
  textChanged();
  saveSoon();
}

function judge(dimension) {
  if (item.locked || currentView !== "review") return;
  const now = JUDGEMENTS.indexOf(item.judgements[dimension]);
  item.judgements[dimension] = JUDGEMENTS[(now + 1) % JUDGEMENTS.length];
  showJudgements();
  saveSoon();
}
