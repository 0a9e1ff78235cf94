// Talking to the server, and what the user is told of it.
let busy = false, connection = "up", trying = null, inVain = false;
const ANSWER_SECONDS = 20, RETRY_SECONDS = 3;

// What Python gives is JSON, null included: nothing at all means that the call did not get there.
async function call(name, data = {}) {
  const answer = await Promise.race([server[name]({ ...data, annotator }).catch(() => undefined), after(ANSWER_SECONDS)]);
  if (answer === undefined) {
    await look();
    throw new Error(TROUBLES[connection] ?? NO_ANSWER);
  }
  setConnection("up");
  if (answer?.error) throw new Error(answer.error);
  if (answer?.counts) showCounts(answer.counts);
  return answer;
}

const after = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds));

const TROUBLES = {
  away: "The desk does not answer.",
  "logged out": "You are logged out.",
  failing: "The desk has an error; the terminal that it runs in tells which.",
};
const NO_ANSWER = "No answer came from the desk. Try again: the same is not taken twice.";

// Whether the desk can be reached, asked apart from the call that failed.
async function look() {
  const answer = await Promise.race([fetch("logged-in", { cache: "no-store" }).catch(() => null), after(ANSWER_SECONDS)]);
  setConnection(!answer ? "away" : answer.status === 401 ? "logged out" : answer.ok ? "up" : "failing");
}

function setConnection(state) {
  clearTimeout(trying);
  if (state !== "up") trying = setTimeout(look, 1000 * RETRY_SECONDS);
  if (state === connection) return;
  connection = state;
  const where = storageWorks ? "is kept in this browser" : "is in this window alone";
  $("#connection").replaceChildren(...(state === "up" ? [] : [
    el("span", {}, `${TROUBLES[state]} What you type ${where} until the desk has it. `),
    ...(state === "logged out" ? [el("a", { href: "", target: "_blank" }, "Log in again in a new tab")] : []),
  ]));
  if (state === "up" && inVain) notice("The desk answers again: try once more.");
  connectionChanged();
}

function notice(message) {
  inVain = false;
  if (!message) return $("#notice").replaceChildren();
  const close = el("button", { className: "quiet", ariaLabel: "Close this message" }, "×");
  close.addEventListener("click", () => notice(""));
  $("#notice").replaceChildren(el("span", {}, message), close);
}

function showCounts(counts) {
  $("#waiting").textContent = counts.waiting || "";
  $("#counts").textContent = `${counts.done} done, ${counts.left} left`;
  $("#share").style.width = `${percent(counts.done, counts.done + counts.left)}%`;
  $("#annotator").textContent = annotator = counts.annotator;
}

const percent = (part, whole) => (whole ? 100 * part / whole : 0);

// Runs one action at a time: a key held down does not hand in two images.
async function runAction(action) {
  if (busy) return;
  busy = true;
  notice("");
  try {
    await action();
  } catch (error) {
    notice(error.message);
    inVain = connection !== "up"; // the message ends with its reason
  } finally {
    busy = false;
  }
}

window.addEventListener("online", look);
