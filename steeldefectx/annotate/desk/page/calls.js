// Talking to the server, and what the user is told of it.
let busy = false;

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

function showCounts(counts) {
  $("#waiting").textContent = counts.waiting || "";
  $("#counts").textContent = `${counts.done} done, ${counts.left} left`;
  $("#share").style.width = `${percent(counts.done, counts.done + counts.left)}%`;
  $("#annotator").textContent = counts.annotator;
}

const percent = (part, whole) => (whole ? 100 * part / whole : 0);

// Runs one action at a time: a key held down does not hand in two images.
async function runAction(action) {
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
