// Images are sent to this machine's own server, and what it says of them is put below the form.
"use strict";
{
const form = document.querySelector("form.ask");
const results = document.querySelector("#results");
const drop = form.querySelector(".drop");
let files = [];
let asked = 0;

async function look() {
  if (!files.length) {
    results.textContent = "Choose an image first, or an example.";
    return;
  }
  const number = ++asked;
  const body = new FormData();
  for (const file of files) body.append("images", file, file.name);
  body.append("text", form.elements.text.value);
  body.append("unsure", form.elements.unsure.value / 100);
  results.textContent = "Looking …";
  let answer;
  try {
    const response = await fetch("look", { method: "POST", body });
    answer = response.ok ? await response.text() : null;
  } catch {
    answer = null;
  }
  if (number !== asked) return;
  if (answer === null) results.textContent = "The demo does not answer. Is the command still running?";
  else results.innerHTML = answer;
}

form.elements.images.addEventListener("change", () => {
  files = [...form.elements.images.files];
  look();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
form.elements.unsure.addEventListener("input", () => {
  form.querySelector(".shown").textContent = form.elements.unsure.value;
});
form.elements.unsure.addEventListener("change", () => files.length && look());
for (const button of form.querySelectorAll("[data-example]")) {
  button.addEventListener("click", async () => {
    const response = await fetch(`example/${button.dataset.example}`);
    files = [new File([await response.blob()], `${button.textContent}.png`, { type: "image/png" })];
    look();
  });
}
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    files = [...event.dataTransfer.files];
    look();
  });
}
}
