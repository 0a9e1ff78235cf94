// What is typed and judged is kept in this browser at once, and saved on the desk as a draft soon after.
let typed = 0, saved = 0, handingIn = false; // revisions of what is shown: the latest, and the one that the desk has
let draftTimer = null, savingDraft = Promise.resolve(), draftNote = "";
let visit = "", base = "", offered = [];

const unsaved = () => typed !== saved;
const submission = () => ({
  image_id: item.image_id, stage: currentView, text: text.value, judgements: item.judgements, seconds, key: visit,
});
const record = saved => ({
  stage: currentView, image_id: item.image_id, text: text.value, judgements: item.judgements, seconds, base, saved,
});

// At each key in the box and each judgement.
function changed() {
  if (!item) return; // another one is on its way
  typed += 1;
  keep(record(false));
  disarm();
  showSaved();
  clearTimeout(draftTimer);
  draftTimer = setTimeout(saveDraft, 800);
}

// One save at a time, each of what is there when its turn comes.
function saveDraft() {
  clearTimeout(draftTimer);
  if (item && unsaved() && !handingIn) savingDraft = savingDraft.then(sendDraft);
  return savingDraft;
}

async function sendDraft() {
  if (!item || !unsaved()) return;
  const sent = submission(), revision = typed;
  const stillShown = () => visit === sent.key;
  try {
    await call("save_draft", sent);
  } catch (error) {
    if (stillShown()) {
      draftTimer = setTimeout(saveDraft, 1000 * RETRY_SECONDS);
      if (connection === "up") notice(error.message);
    }
    return;
  }
  if (stillShown()) {
    saved = revision;
    base = sent.text;
    keep(record(!unsaved()));
    draftNote = "Draft saved on the desk";
    showSaved();
  }
}

// True at every moment: where what is shown is kept.
function showSaved() {
  const kept = storageWorks ? "Kept in this browser; not on the desk yet" : "Not on the desk yet, and this browser keeps nothing";
  $("#saved").textContent = !item ? "" : handingIn ? "Handing in …" : unsaved() ? kept : draftNote;
  $("#saved").classList.toggle("open", Boolean(item) && unsaved() && (connection !== "up" || !storageWorks));
}

function connectionChanged() {
  if (connection === "up") saveDraft();
  showSaved();
}

// Nobody leaves an image before the desk has what they typed on it.
async function saveBeforeLeaving() {
  await saveDraft();
  if (unsaved()) throw new Error(`You stay here: your text is not on the desk yet. ${TROUBLES[connection] ?? ""}`);
}

// A review that is handed in takes the place of its draft, also of one that is being saved.
async function whileHandingIn(action) {
  clearTimeout(draftTimer);
  handingIn = text.readOnly = true; // what is typed now would be lost with the image
  showSaved();
  try {
    await savingDraft;
    return await action();
  } finally {
    handingIn = text.readOnly = false;
    showSaved();
    saveDraft(); // nothing is left to save, unless it failed
  }
}

// A new image is shown: what this browser has of it beyond what the desk gave is put in the box, or offered.
function beginDraft() {
  saved = typed;
  clearTimeout(draftTimer);
  visit = `${windowId}-${Date.now()}-${Math.random()}`.slice(0, 64);
  base = item.text;
  draftNote = item.draft ? "Draft restored" : "Nothing unsaved";
  const { restored, others } = missingTexts(item, currentView);
  offered = others;
  if (restored) {
    text.value = restored.text;
    Object.assign(item.judgements ?? {}, restored.judgements);
    seconds = Math.max(seconds, restored.seconds);
    changed();
    notice("What you had typed here was not on the desk yet: it is back in the box.");
  }
  showOffered();
  showSaved();
}

function showOffered() {
  $("#kept").replaceChildren(...offered.map(kept => {
    const use = el("button", { disabled: item.locked }, "Use this"), drop = el("button", { className: "quiet" }, "Drop it");
    use.addEventListener("click", () => { withdraw(kept); replaceText(kept.text); });
    drop.addEventListener("click", () => withdraw(kept));
    const when = new Date(kept.at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    const what = kept.what ?? `Typed in this browser, ${when}, and not in the box:`;
    return el("div", { className: "offer" }, el("p", {}, el("b", {}, what), " ", kept.text), use, drop);
  }));
}

function withdraw(kept) {
  forget([kept]);
  offered = offered.filter(other => other !== kept);
  showOffered();
}

// Another text is put in the box; one that a person has typed stays at hand.
function replaceText(next) {
  const known = [...proposedTexts(), ...offered.map(kept => kept.text), next, ""];
  if (!known.some(other => sameWords(other, text.value))) {
    offered = [keep(record(true), `${windowId}-${Date.now()}`), ...offered];
  }
  text.value = next;
  showOffered();
  textChanged();
  changed();
}

// Handed in: the desk has it, and what was offered beside it was seen.
function endDraft() {
  saved = typed;
  forget([...offered, ...keptOn(item, currentView).filter(kept => kept.writer === windowId)]);
}

window.addEventListener("beforeunload", event => { if (unsaved() || handingIn) event.preventDefault(); });
