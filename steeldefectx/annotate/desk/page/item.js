// The image on the desk with its texts: what is proposed, what one makes of it.
const KEYS = { shape: "s", size: "z", depth: "d", location: "l", contrast: "k" };
const JUDGEMENTS = ["right", "wrong", "not stated"];
const VERDICTS = { accept: "accepted", edit: "edited", reject: "rejected", cannot_tell: "cannot tell" };
const text = $("#text");
let item = null, currentView = "review", seconds = 0, checkTimer = null, armed = false;

// -- Showing

function show(next) {
  item = next;
  armed = false;
  $("#work").hidden = !item;
  $("#empty").hidden = Boolean(item);
  if (!item) return showEmpty();
  rememberPlace(`${currentView}/${item.image_id}`);
  seconds = item.seconds;
  $("#class").textContent = item.class_name;
  $("#t1").textContent = item.t1 ?? "";
  $("#image-id").textContent = item.image_id;
  $(".reading").scrollTop = 0;
  showImage(item);
  showState();
  const reviewing = currentView === "review";
  $("#candidates").hidden = $(".judged").hidden = !reviewing;
  $("#versions").hidden = $("#differing").hidden = reviewing;
  $("#own").hidden = !item.own;
  reviewing ? showCandidates() : showVersions();
  text.value = item.text;
  text.disabled = item.locked;
  beginDraft();
  if (reviewing) showJudgements();
  textChanged();
  for (const id of item.upcoming) new Image().src = pictureUrl("image", id);
}

function showState() {
  const risk = $("#risk"), state = $("#state");
  risk.textContent = item.risk === null ? "" : `risk ${item.risk.toFixed(2)}`;
  risk.className = `chip ${riskClass(item.risk)}`;
  state.textContent = item.locked ? "adjudicated, closed" : item.verdict ? VERDICTS[item.verdict] : "";
  state.className = "chip good";
  for (const button of element.querySelectorAll("[data-verdict]")) button.disabled = item.locked;
}

const riskClass = risk => (risk >= 0.5 ? "bad" : risk > 0 ? "warn" : "");

function showEmpty() {
  showSaved();
  rememberPlace(currentView);
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

function markFlags(segments) {
  return segments.map(([words, flag]) => (flag ? el("mark", { title: flagText(flag) }, words) : words));
}

const AGAINST = { mask: "measured", class: "its class is", "other texts": "other drafts say" };
const flagText = flag => `${flag.kind}: claims ${flag.claimed}, ${AGAINST[flag.by]} ${flag.measured}`;

// -- Working on it

const proposedTexts = () => (currentView === "review" ? item.candidates : item.reviews).map(proposal => proposal.text);
const chosenText = () => proposedTexts().findIndex(proposed => sameWords(proposed, text.value));

function textChanged() {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 190)}px`;
  $("#backdrop").replaceChildren();
  const chosen = chosenText();
  const buttons = $(currentView === "review" ? "#candidates" : "#versions").querySelectorAll("button");
  buttons.forEach((button, i) => button.classList.toggle("taken", i === chosen));
  showAccept();
  clearTimeout(checkTimer);
  checkTimer = setTimeout(checkText, 250);
}

function showAccept() {
  const label = chosenText() < 0 ? "Save edit " : armed ? "Accept anyway " : "Accept ";
  $("#accept").replaceChildren(label, el("kbd", {}, "A"));
  $("#accept").classList.toggle("armed", armed);
}

// A text that stands at wrong somewhere is not accepted by one key: the first press says what is wrong.
function hesitate() {
  const wrong = Object.keys(KEYS).filter(dimension => item.judgements?.[dimension] === "wrong");
  const last = wrong.length - 1, listed = last > 0 ? `${wrong.slice(0, last).join(", ")} and ${wrong[last]} stand` : `${wrong[0]} stands`;
  if (armed || !wrong.length || !item.candidates?.[chosenText()]?.proposed) return false;
  armed = true;
  showAccept();
  notice(`${listed[0].toUpperCase()}${listed.slice(1)} at wrong for this text. Accept a second time to take it all the same, or correct it.`);
  return true;
}

function disarm() {
  if (!armed) return;
  armed = false;
  notice("");
  showAccept();
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
  if (proposed !== undefined && !item.locked && !handingIn) replaceText(proposed);
}

function judge(dimension) {
  if (item.locked || handingIn || currentView !== "review") return;
  const now = JUDGEMENTS.indexOf(item.judgements[dimension]);
  item.judgements[dimension] = JUDGEMENTS[(now + 1) % JUDGEMENTS.length];
  showJudgements();
  changed();
}
