// From one image to the next, and between the views.
const PANELS = { done: showDone, progress: showProgress };

const openItem = (stage, where, id) =>
  call("open_item", { stage, where, image_id: id }).then(answer => show(answer.item));

const handIn = verdict => runAction(async () => {
  if (!item || item.locked) return;
  await endDraft();
  const sent = { ...submission(), verdict, seen_version: item.version, seen_reviews: item.review_versions };
  const answer = await call("hand_in", sent).catch(error => {
    saveSoon();
    throw error;
  });
  if (answer.conflict) return showConflict(answer);
  notice("");
  text.blur(); // the next image begins with keys, not in the box
  show(answer.item);
});

function showConflict({ conflict, item: newer }) {
  const typed = text.value, { judgements } = item;
  show(newer);
  if (item.locked) return notice(conflict);
  text.value = typed;
  item.judgements = { ...item.judgements, ...judgements };
  textChanged();
  saveSoon();
  notice(`${conflict} Your text is still in the box: hand it in again to replace what is there.`);
}

const go = where => runAction(async () => {
  if (PANELS[currentView]) return;
  await saveBeforeLeaving();
  await openItem(currentView, where, item?.image_id ?? null);
});

const openReview = id => runAction(async () => {
  await switchTo("review");
  await openItem("review", "at", id);
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
    button.toggleAttribute("aria-current", button.dataset.view === name);
  }
  for (const id of ["work", "empty", "done", "progress"]) $(`#${id}`).hidden = id !== name;
  text.blur();
}
