// Lists and tables are sorted and filtered where they stand, and a picture opens whole. Without this all is there, too.
"use strict";
{
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const collator = new Intl.Collator(undefined, { numeric: true });

/** Numbers by size ("93.6 ± 0.4" is 93.6), words by alphabet, what is neither at the end. */
function compare(first, second, sign) {
  const [a, b] = [parseFloat(first.replaceAll(",", "")), parseFloat(second.replaceAll(",", ""))];
  if (!Number.isNaN(a) && !Number.isNaN(b)) return sign * (a - b);
  if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
  return sign * collator.compare(first, second);
}

function sort(list, items, value, sign) {
  const keys = new Map(items.map((item) => [item, value(item)]));
  items.sort((a, b) => compare(keys.get(a), keys.get(b), sign));
  list.append(...items);
}

/** Boxes above a list: words, a choice for each filter, and how many are shown. */
function filters(list, items, what, choices, place) {
  const words = items.map((item) => item.textContent.toLowerCase());
  const number = new Map(items.map((item, index) => [item, index]));
  const search = make("input", { type: "search" });
  const output = make("output");
  const selects = choices.map(([label, value]) => {
    const counts = new Map();
    for (const item of items) counts.set(value(item), (counts.get(value(item)) ?? 0) + 1);
    const names = [...counts.keys()].filter(Boolean).sort(collator.compare);
    const select = make("select", {}, new Option("all", ""),
      ...names.map((name) => new Option(`${name} (${counts.get(name)})`, name)));
    return { label, value, select };
  }).filter(({ select }) => select.options.length > 2);
  const show = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      const fits = asked.every((word) => words[number.get(item)].includes(word))
        && selects.every(({ select, value }) => !select.value || value(item) === select.value);
      item.hidden = !fits;
      shown += fits;
    }
    output.textContent = shown === items.length ? `${shown} ${what}` : `${shown} of ${items.length} ${what}`;
  };
  const controls = make("form", { className: "controls", onsubmit: () => false },
    make("label", {}, "Find", search), ...selects.map(({ label, select }) => make("label", {}, label, select)), output);
  controls.addEventListener("input", show);
  place.before(controls);
  show();
  return controls;
}

for (const list of document.querySelectorAll("[data-list]")) {
  const items = [...list.children];
  if (items.length < 2) continue;
  const pairs = (text) => (text ? text.split(";").map((pair) => pair.split(":")) : []);
  const get = (key) => (item) => item.dataset[key] ?? "";
  const chosen = pairs(list.dataset.filters).map(([key, label]) => [label, get(key)]);
  const controls = filters(list, items, list.dataset.list, chosen, list);
  const orders = pairs(list.dataset.sorts);
  if (!orders.length) continue;
  const order = make("select", {}, ...orders.map(([key, label, sign]) => new Option(label, `${key}:${sign}`)));
  order.addEventListener("input", () => {
    const [key, sign] = order.value.split(":");
    sort(list, items, get(key), sign === "down" ? -1 : 1);
  });
  controls.querySelector("output").before(make("label", {}, "Order", order));
}

const MANY_ROWS = 30;
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  if (rows.length < 2) continue;
  const heads = [...table.tHead.rows[0].cells];
  for (const [column, head] of heads.entries()) {
    if (!head.textContent.trim()) continue;
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const text = (row) => row.cells[column].textContent.trim();
      const numbers = rows.some((row) => !Number.isNaN(parseFloat(text(row))));
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : !numbers;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(body, rows, text, up ? 1 : -1);
    });
  }
  if (rows.length >= MANY_ROWS) filters(body, rows, "rows", [], table.closest(".scroll") ?? table);
}

const image = make("img");
const text = make("p", { tabIndex: 0 });
const title = make("span");
const button = (label, onclick) => make("button", { type: "button", onclick }, label);
const frame = make("figure", { tabIndex: 0 }, image);
// A picture may have a twin without what is drawn on it; which one is shown stays from picture to picture.
let plain = false;
const other = button("Without outlines", () => { plain = !plain; show(current); });
const dialog = make("dialog", {},
  make("div", {}, title, other, button("Previous", () => step(-1)), button("Next", () => step(1)),
    button("Close", () => dialog.close())), frame, text);
dialog.setAttribute("aria-label", "Picture");
let current = null;

function show(link) {
  current = link;
  const small = link.querySelector("img");
  other.hidden = !link.dataset.plain;
  other.textContent = plain ? "With outlines" : "Without outlines";
  image.src = plain && link.dataset.plain ? link.dataset.plain : link.href;
  image.alt = small.alt;
  frame.className = "";
  title.textContent = small.alt;
  text.textContent = (link.closest("figure, .card, tr")?.innerText ?? "").replace(/\s+/g, " ").trim();
  if (!dialog.isConnected) document.body.append(dialog);
  if (!dialog.open) dialog.showModal();
}

function step(by) {
  const links = [...document.querySelectorAll("a.picture")].filter((link) => !link.closest("[hidden]"));
  show(links[(links.indexOf(current) + by + links.length) % links.length]);
}

image.addEventListener("click", () => frame.classList.toggle("whole"));
dialog.addEventListener("close", () => current?.focus());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") step(event.key === "ArrowLeft" ? -1 : 1);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.picture");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link);
});
}
