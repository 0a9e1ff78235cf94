// From one image to the next, and between the views; the address says which is shown, so that a reload comes back to it.
const PANELS = { done: showDone, progress: showProgress };

const openItem = (stage, where, id) =>
  call("open_item", { stage, where, image_id: id }).then(answer => show(answer.item));

const handIn = verdict => runAction(async () => {
  if (!item || item.locked || (verdict === "accept" && hesitate())) return;
  const sent = () => ({ ...submission(), verdict, seen_version: item.version, seen_reviews: item.review_versions });
  const answer = await whileHandingIn(async () => {
    const reply = await call("hand_in", sent()).catch(error => { throw new Error(`Not handed in. ${error.message}`); });
    if (!reply.conflict) endDraft();
    return reply;
  });
  if (answer.conflict) return showConflict(answer);
  text.blur(); // the next image begins with keys, not in the box
  show(answer.item);
});

function showConflict({ conflict, item: newer }) {
  const mine = text.value, { judgements } = item;
  forget(keptOn(item, currentView).filter(kept => kept.writer === windowId));
  show(newer);
  const there = { text: newer.handed_in ?? "", what: currentView === "review" ? "Handed in by the other window:" : "Decided meanwhile:" };
  if (item.locked) {
    offered = [keep({ ...record(true), text: mine })];
    showOffered();
    return notice(conflict);
  }
  offered = [there, ...offered].filter(kept => !["", mine].some(known => sameWords(kept.text, known)));
  text.value = mine;
  item.judgements = { ...item.judgements, ...judgements };
  showOffered();
  textChanged();
  changed();
  notice(`${conflict} Your text is still in the box: hand it in again to replace what is there.`);
}

const go = where => runAction(async () => {
  if (PANELS[currentView]) return;
  await saveBeforeLeaving();
  await openItem(currentView, where, item?.image_id ?? null);
});

const openAt = (stage, id) => runAction(async () => {
  await switchTo(stage);
  await openItem(stage, "at", id).catch(async error => {
    await openItem(stage, "next", null);
    notice(error.message);
  });
});

const showView = name => runAction(async () => {
  await switchTo(name);
  await (PANELS[name] ? PANELS[name]() : openItem(name, "next", null));
});

async function switchTo(name) {
  await saveBeforeLeaving();
  item = null; // what is saved late belongs to the stage before
  currentView = name;
  for (const button of element.querySelectorAll("[data-view]")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  for (const id of ["work", "empty", "done", "progress"]) $(`#${id}`).hidden = id !== name;
  text.blur();
  if (PANELS[name]) rememberPlace(name);
}

// -- The address

const placeUrl = place => `#${place.split("/").map(encodeURIComponent).join("/")}`;
const rememberPlace = place => history.replaceState(history.state, "", placeUrl(place));

function addressedPlace() {
  const [stage, ...id] = location.hash.slice(1).split("/");
  try {
    return { stage, image_id: id.map(decodeURIComponent).join("/") };
  } catch { // no address of ours
    return {};
  }
}

function openAddress() {
  const { stage, image_id: id } = addressedPlace();
  if (["review", "adjudicate"].includes(stage) && id) return openAt(stage, id);
  return showView(stage in PANELS || stage === "adjudicate" ? stage : "review");
}

// First what this browser has and the desk has not, then where one was.
async function begin() {
  await runAction(async () => { ({ store } = await call("begin")); });
  const lost = keptTexts().filter(kept => !kept.saved);
  if (!lost.length) return openAddress();
  await openAt(lost[0].stage, lost[0].image_id);
  const others = new Set(lost.map(kept => kept.image_id));
  others.delete(lost[0].image_id);
  if (others.size) notice(`Texts that you typed in this browser are not on the desk yet, also of: ${[...others].join(", ")}.`);
}
