// Keys and buttons, and the clock of the work. The last part: it opens the first image.
let lastInput = Date.now();

const zoomIn = () => zoomBy(1.5), zoomOut = () => zoomBy(1 / 1.5);
const ACTIONS = {
  w: () => showView("review"), j: () => showView("adjudicate"), o: () => showView("done"), p: () => showView("progress"),
  n: () => go("next"), b: () => go("back"), "?": showKeys,
};
const ITEM_ACTIONS = {
  a: () => handIn("accept"), r: () => handIn("reject"), c: () => handIn("cannot_tell"),
  e: () => text.focus(), m: () => $("#mask-toggle").click(),
  "+": zoomIn, "=": zoomIn, "-": zoomOut, 0: fit,
};
const ZOOMS = { in: zoomIn, out: zoomOut, fit };
const EXPLAINED = [
  ["A", "accept the text, or save it as edited"], ["R", "reject: no text will do"], ["C", "cannot tell"],
  ["1 … 9", "put this text in the box"], ["E", "write in the box"], ["Ctrl Enter", "accept from the box"], ["Esc", "leave the box"],
  [Object.values(KEYS).join(" ").toUpperCase(), `judge the proposed text on ${Object.keys(KEYS).join(", ")}: right, wrong, not stated`],
  ["N", "next image"], ["B", "back to what was handed in before"], ["+ −", "zoom"], ["0", "fit the image"], ["M", "mask on or off"],
  ["W", "review"], ["J", "adjudicate"], ["O", "done"], ["P", "progress"], ["?", "these keys"],
];

function itemAction(key) {
  if (!item) return undefined;
  if (ITEM_ACTIONS[key]) return ITEM_ACTIONS[key];
  const dimension = Object.keys(KEYS).find(name => KEYS[name] === key);
  if (dimension) return () => judge(dimension);
  return /^[1-9]$/.test(key) ? () => useText(Number(key) - 1) : undefined;
}

function keyPressed(event) {
  const key = event.key.toLowerCase();
  if (event.target === text) {
    if (key === "escape") text.blur();
    else if (key === "enter" && event.ctrlKey && !event.repeat) handIn("accept");
    else return;
    event.preventDefault();
    return;
  }
  if (event.target.closest?.("input, select, dialog") || $("#keys").open) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const action = ACTIONS[key] ?? itemAction(key);
  if (!action) return;
  event.preventDefault();
  action();
}

function showKeys() {
  $("#keys dl").replaceChildren(...EXPLAINED.map(([keys, what]) =>
    el("div", {}, el("dt", {}, ...keys.split(" ").map(key => (key === "…" ? key : el("kbd", {}, key)))), el("dd", {}, what))));
  $("#keys").showModal();
}

function onClick(selector, action) {
  for (const button of element.querySelectorAll(selector)) button.addEventListener("click", () => action(button.dataset));
}

document.addEventListener("keydown", keyPressed);
text.addEventListener("input", () => { textChanged(); changed(); });
text.addEventListener("scroll", () => { $("#backdrop").scrollTop = text.scrollTop; });
text.addEventListener("blur", saveDraft);
document.addEventListener("visibilitychange", () => document.hidden && saveDraft());
window.addEventListener("hashchange", openAddress);
onClick("[data-view]", data => showView(data.view));
onClick("[data-verdict]", data => handIn(data.verdict));
onClick("[data-zoom]", data => ZOOMS[data.zoom]());
onClick("#next", () => go("next"));
onClick("#back", () => go("back"));
onClick("#help", showKeys);
onClick("#mask-toggle", () => showMask(!maskOn()));
$("#logout").addEventListener("submit", event => {
  event.preventDefault();
  runAction(async () => { await saveBeforeLeaving(); event.target.submit(); });
});

// A minute without any input is a break, and does not count as work.
for (const kind of ["keydown", "pointermove", "wheel"]) document.addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true });
setInterval(() => { if (!document.hidden && Date.now() - lastInput < 60000) seconds += 1; }, 1000);

begin();
