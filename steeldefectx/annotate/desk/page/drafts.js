// What is typed and judged is saved as a draft; the promises tell whether it was.
let draftTimer = null, savingDraft = Promise.resolve(true), unsaved = false;

const submission = () => ({
  image_id: item.image_id, stage: currentView, text: text.value, judgements: item.judgements, seconds,
});

function saveSoon() {
  unsaved = true;
  $("#saved").textContent = "…";
  clearTimeout(draftTimer);
  draftTimer = setTimeout(saveDraft, 800);
}

function saveDraft() {
  clearTimeout(draftTimer);
  if (!unsaved || !item || item.locked) return savingDraft;
  unsaved = false;
  const sent = submission();
  const stillShown = () => item?.image_id === sent.image_id && currentView === sent.stage;
  savingDraft = call("save_draft", sent).then(() => {
    if (stillShown() && !unsaved) $("#saved").textContent = "Draft saved";
    return true;
  }, error => {
    notice(error.message);
    if (stillShown()) {
      unsaved = true;
      draftTimer = setTimeout(saveDraft, 3000);
    }
    return false;
  });
  return savingDraft;
}

// Nobody leaves an image before what they typed on it is saved.
async function saveBeforeLeaving() {
  if (!(await saveDraft())) throw new Error($("#notice").textContent);
  notice("");
}

// A review that is handed in takes the place of its draft, also of one that is being saved.
async function endDraft() {
  clearTimeout(draftTimer);
  unsaved = false;
  await savingDraft;
}

function forgetDraft() {
  unsaved = false;
  savingDraft = Promise.resolve(true);
  clearTimeout(draftTimer);
}
