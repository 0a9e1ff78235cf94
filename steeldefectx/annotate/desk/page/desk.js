// One image at a time: what is proposed, what one makes of it, what is kept.
const KEYS = { shape: "s", size: "z", depth: "d", location: "l", contrast: "k" };
const JUDGEMENTS = ["right", "wrong", "not stated"];
const VERDICTS = { accept: "accepted", edit: "edited", reject: "rejected", cannot_tell: "cannot tell" };
const text = $("#text");
const PANELS = { done: showDone, progress: showProgress };
let item = null, current = "review", busy = false, seconds = 0, lastInput = Date.now();
let draftTimer = null, checkTimer = null, savingDraft = Promise.resolve(true), dirty = false;

// -- Talking to the server

// What Python gives is JSON, null included: nothing at all means that the call did not get there.
async function call(name, data = {}) {
  const answer = await server[name](data).catch(() => undefined);
  if (answer === undefined) {
    throw new Error("Not saved: the desk does not answer, or you are logged out. What you typed stays here; try again.");
  }
  if (answer?.error) throw new Error(answer.error);
  if (answer?.counts) showCounts(answer.counts);
  return answer;
}

function notice(message, good = false) {
  $("#notice").textContent = message;
  $("#notice").title = message;
  $("#notice").style.color = good ? "var(--good)" : "";
}

// Runs one action at a time: a key held down does not hand in two images.
async function act(action) {
  if (busy) return;
  busy = true;
  try {
    await action();
  } catch (error) {
    notice(error.message);
  } finally {
    busy = false;
  }
}

// -- What is typed is saved; the promises tell whether it was

function saveSoon() {
  dirty = true;
  $("#saved").textContent = "…";
  clearTimeout(draftTimer);
  draftTimer = setTimeout(saveDraft, 800);
}

function saveDraft() {
  clearTimeout(draftTimer);
  if (!dirty || !item || item.locked) return savingDraft;
  dirty = false;
  const sent = { ...answers(), version: item.version };
  const same = () => item?.image_id === sent.image_id && current === sent.stage;
  savingDraft = call("save_draft", sent).then(() => {
    if (same() && !dirty) $("#saved").textContent = "Draft saved";
    return true;
  }, error => {
    notice(error.message);
    if (same()) {
      dirty = true;
      draftTimer = setTimeout(saveDraft, 3000);
    }
    return false;
  });
  return savingDraft;
}

// Nobody leaves an image before what they typed on it is saved.
async function leave() {
  if (!(await saveDraft())) throw new Error($("#notice").textContent);
  notice("");
}

const answers = () => ({
  image_id: item.image_id, stage: current, text: text.value, judgements: item.judgements, seconds,
});

// -- Showing an image

function segments(parts) {
  return parts.map(([words, flag]) => (flag ? el("mark", { title: said(flag) }, words) : words));
}

const said = flag => `${flag.kind}: claims ${flag.claimed}, measured ${flag.measured}`;

function show(next) {
  item = next;
  dirty = false;
  savingDraft = Promise.resolve(true);
  clearTimeout(draftTimer);
  $("#work").hidden = !item;
  $("#empty").hidden = Boolean(item);
  if (!item) return showEmpty();
  seconds = item.seconds;
  $("#class").textContent = item.class_name;
  $("#t1").textContent = item.t1 ?? "";
  $("#image-id").textContent = item.image_id;
  showImage(item);
  showState();
  current === "review" ? showCandidates() : showVersions();
  $("#candidates").hidden = $(".judged").hidden = current !== "review";
  $("#versions").hidden = current === "review";
  text.value = item.text;
  text.disabled = item.locked;
  $("#saved").textContent = item.draft ? "Draft restored" : "";
  typed();
  for (const id of item.upcoming) new Image().src = pictureAddress("image", id);
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
  $("#empty p").textContent = current === "review"
    ? "You have reviewed every image there is for you.\nB goes back to what you have done, J to what awaits adjudication."
    : "No two reviews differ that are not adjudicated.\nB goes back to your decisions, W to reviewing.";
}

function showCandidates() {
  $("#candidates").replaceChildren(...item.candidates.map((candidate, i) => {
    const button = el("button", { className: `candidate ${candidate.proposed ? "proposed" : ""}` },
      el("kbd", {}, String(i + 1)), el("span", {}, ...segments(candidate.segments)));
    button.addEventListener("click", () => take(i));
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
    const dims = Object.keys(KEYS).map(dimension => el("span", {
      className: item.apart.includes(dimension) ? "apart" : "",
    }, `${dimension} ${review.judgements[dimension] ?? "–"}`));
    const button = el("button", { className: "version" },
      el("div", {}, el("kbd", {}, String(i + 1)), el("b", {}, review.annotator),
        el("span", { className: `chip ${review.verdict === "reject" ? "bad" : ""}` }, VERDICTS[review.verdict])),
      el("p", {}, ...review.segments.map(([words, differs]) => (differs ? el("ins", {}, words) : words))),
      el("div", { className: "dims" }, ...dims));
    button.addEventListener("click", () => take(i));
    return button;
  }));
}

// -- Working on it

const texts = () => (current === "review" ? item.candidates : item.reviews).map(({ text }) => text);

function typed() {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 190)}px`;
  $("#backdrop").replaceChildren();
  const taken = texts().indexOf(text.value.trim());
  const shownTexts = $(current === "review" ? "#candidates" : "#versions").querySelectorAll("button");
  shownTexts.forEach((button, i) => button.classList.toggle("taken", i === taken));
  $("#accept").replaceChildren(taken < 0 ? "Save edit " : "Accept ", el("kbd", {}, "A"));
  clearTimeout(checkTimer);
  checkTimer = setTimeout(checkText, 250);
}

// The box is checked while one types: flagged words are marked behind them, and listed below.
async function checkText() {
  if (!item) return;
  const sent = { image_id: item.image_id, text: text.value };
  const parts = await call("check_text", sent).catch(() => []);
  if (item?.image_id !== sent.image_id || text.value !== sent.text) return;
  $("#backdrop").replaceChildren(...segments(parts), "\n");
  const flags = parts.filter(([, flag]) => flag);
  $("#flags").replaceChildren(...flags.map(([words, flag]) => el("span", { className: "chip warn" }, `“${words}”  ${said(flag)}`)));
}

function take(index) {
  const taken = texts()[index];
  if (taken === undefined || item.locked) return;
  text.value = taken;
  typed();
  saveSoon();
}

function judge(dimension) {
  if (item.locked || current !== "review") return;
  const now = JUDGEMENTS.indexOf(item.judgements[dimension]);
  item.judgements[dimension] = JUDGEMENTS[(now + 1) % JUDGEMENTS.length];
  showJudgements();
  saveSoon();
}

const handIn = verdict => act(async () => {
  if (!item || item.locked) return;
  clearTimeout(draftTimer);
  dirty = false;
  await savingDraft;
  const answer = await call("hand_in", { ...answers(), verdict, version: item.version, seen: item.seen }).catch(error => {
    saveSoon();
    throw error;
  });
  if (answer.conflict) {
    const typedText = text.value, { judgements } = item;
    show(answer.item);
    if (item.locked) return notice(answer.conflict);
    text.value = typedText;
    item.judgements = { ...item.judgements, ...judgements };
    typed();
    saveSoon();
    return notice(`${answer.conflict} Your text is still in the box: hand it in again to replace what is there.`);
  }
  notice("");
  text.blur(); // the next image begins with keys, not in the box
  show(answer.item);
});

const go = where => act(async () => {
  if (PANELS[current]) return;
  await leave();
  show(await call("open_item", { stage: current, where, image_id: item?.image_id ?? null }).then(answer => answer.item));
});

const openReview = id => act(async () => {
  await switchTo("review");
  show(await call("open_item", { stage: "review", where: "at", image_id: id }).then(answer => answer.item));
});

async function switchTo(name) {
  await leave();
  item = null; // what is saved late belongs to the stage before
  current = name;
  for (const button of element.querySelectorAll("[data-view]")) {
    button.toggleAttribute("aria-current", button.dataset.view === name);
  }
  for (const id of ["work", "empty", "done", "progress"]) $(`#${id}`).hidden = id !== name;
  text.blur();
}

const visit = name => act(async () => {
  await switchTo(name);
  if (PANELS[name]) return PANELS[name]();
  show(await call("open_item", { stage: name, where: "next", image_id: null }).then(answer => answer.item));
});

function showCounts(counts) {
  $("#waiting").textContent = counts.waiting || "";
  $("#counts").textContent = `${counts.done} done, ${counts.left} left`;
  $("#share").style.width = `${percent(counts.done, counts.done + counts.left)}%`;
  $("#annotator").textContent = counts.annotator;
}

// -- Keys and buttons

const ACTIONS = {
  w: () => visit("review"), j: () => visit("adjudicate"), o: () => visit("done"), p: () => visit("progress"),
  n: () => go("next"), b: () => go("back"),};
const ITEM_ACTIONS = {
  a: () => handIn("accept"), r: () => handIn("reject"), c: () => handIn("cannot_tell"),
  e: () => text.focus(), m: () => $("#mask-toggle").click(),
  "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: fit,
};

function pressed(event) {
  const key = event.key.toLowerCase();
  if (event.target === text) {
    if (key === "escape") text.blur();
    else if (key === "enter" && event.ctrlKey) handIn("accept");
    else return;
    return event.preventDefault();
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const dimension = Object.keys(KEYS).find(name => KEYS[name] === key);
  const action = ACTIONS[key] ?? (item && (ITEM_ACTIONS[key] ?? (dimension && (() => judge(dimension)))
    ?? (/^[1-9]$/.test(key) && (() => take(Number(key) - 1)))));
  if (!action) return;
  event.preventDefault();
  action();
}

document.addEventListener("keydown", pressed);
text.addEventListener("input", () => { typed(); saveSoon(); });
text.addEventListener("scroll", () => { $("#backdrop").scrollTop = text.scrollTop; });
text.addEventListener("blur", saveDraft);
document.addEventListener("visibilitychange", () => document.hidden && saveDraft());
for (const button of element.querySelectorAll("[data-view]")) button.addEventListener("click", () => visit(button.dataset.view));
for (const button of element.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => handIn(button.dataset.verdict));
$("#next").addEventListener("click", () => go("next"));
$("#back").addEventListener("click", () => go("back"));
$("#mask-toggle").addEventListener("click", () => showMask(!maskOn()));
const ZOOMS = { in: () => zoomBy(1.5), out: () => zoomBy(1 / 1.5), fit };
for (const button of element.querySelectorAll("[data-zoom]")) button.addEventListener("click", ZOOMS[button.dataset.zoom]);

// A minute without any input is a break, and does not count as work.
for (const kind of ["keydown", "pointermove", "wheel"]) document.addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true });
setInterval(() => { if (!document.hidden && Date.now() - lastInput < 60000) seconds += 1; }, 1000);

visit("review");
