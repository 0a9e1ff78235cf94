// What is typed is kept in this browser, at once, until it is handed in: a reload, a crash, a server that is away or
// another window that saves its own text in the same place takes nothing away.
// A record is {stage, image_id, text, judgements, seconds, base, saved}, with when, by which window and under which name
// it is kept; `base` is the text that the desk had when it was typed, `saved` says that the desk has had it since.
let annotator = "", store = "", storageWorks = true;
const windowId = [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, "0")).join("");

const keptName = (stage, id, writer = windowId) => `steeldefectx ${JSON.stringify([store, annotator, stage, id, writer])}`;

function keep(record, writer = windowId) {
  const kept = { ...record, at: Date.now(), writer, name: keptName(record.stage, record.image_id, writer) };
  try {
    localStorage.setItem(kept.name, JSON.stringify(kept));
    storageWorks = true;
  } catch { // full, or turned off
    storageWorks = false;
  }
  return kept;
}

// All records of this annotator on this store, the newest first.
function keptTexts() {
  const start = `steeldefectx ${JSON.stringify([store, annotator]).slice(0, -1)},`;
  try {
    const names = Object.keys(localStorage).filter(name => name.startsWith(start));
    return names.map(name => JSON.parse(localStorage.getItem(name))).sort((a, b) => b.at - a.at);
  } catch {
    return [];
  }
}

const keptOn = ({ image_id }, stage) => keptTexts().filter(record => record.stage === stage && record.image_id === image_id);

const sameWords = (a, b) => a.split(/\s+/).join(" ").trim() === b.split(/\s+/).join(" ").trim();

function forget(records) {
  for (const record of records) if (storageWorks) localStorage.removeItem(record.name);
}

// What this browser has of an image beyond what the desk gave: a text to go on with, as only it was typed on since, and
// others to choose from.
function missingTexts(item, stage) {
  const records = keptOn(item, stage);
  const goesOn = ({ text, base, judgements }) => (sameWords(text, item.text)
    ? JSON.stringify(judgements) !== JSON.stringify(item.judgements) : sameWords(base, item.text));
  const restored = item.locked ? undefined : records.find(record => !record.saved && goesOn(record));
  const known = [(restored ?? item).text, ...proposedTexts()];
  const others = records.filter(record => !known.some(text => sameWords(text, record.text)));
  forget(records.filter(record => !others.includes(record)));
  return { restored, others };
}
