// The image: the wheel zooms at the pointer and two fingers between them, dragging moves, a double click fits.
const viewport = $("#view"), layers = $("#layers"), image = $("#image"), mask = $("#mask");
let zoom = { scale: 1, x: 0, y: 0 };
const fingers = new Map(); // pointers that are down -> their last event

function place() {
  layers.style.transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
  layers.classList.toggle("pixels", zoom.scale >= 4);
  $("#scale").textContent = `${Math.round(100 * zoom.scale)} %`;
}

function fit() {
  if (!image.naturalWidth || !viewport.clientWidth || !viewport.clientHeight) return;
  const scale = Math.min(viewport.clientWidth / image.naturalWidth, viewport.clientHeight / image.naturalHeight);
  zoom = {
    scale,
    x: (viewport.clientWidth - scale * image.naturalWidth) / 2,
    y: (viewport.clientHeight - scale * image.naturalHeight) / 2,
  };
  place();
}

function zoomBy(factor, x = viewport.clientWidth / 2, y = viewport.clientHeight / 2) {
  const scale = Math.min(40, Math.max(0.05, zoom.scale * factor)), by = scale / zoom.scale;
  zoom = { scale, x: x - by * (x - zoom.x), y: y - by * (y - zoom.y) };
  place();
}

function showMask(on) {
  mask.hidden = !on || !mask.getAttribute("src");
  $("#mask-toggle").setAttribute("aria-pressed", on);
}

function showImage(item) {
  image.src = pictureUrl("image", item.image_id);
  image.alt = `${item.class_name}, ${item.image_id}`;
  if (item.has_mask) mask.src = pictureUrl("mask", item.image_id);
  else mask.removeAttribute("src");
  $("#mask-toggle").disabled = !item.has_mask;
  showMask(maskOn());
}

const maskOn = () => $("#mask-toggle").getAttribute("aria-pressed") === "true";
const pictureUrl = (kind, id) => `picture/${kind}/${id.split("/").map(encodeURIComponent).join("/")}`;

image.onload = fit;
image.onerror = () => notice(`The image of ${image.alt} cannot be read.`);
new ResizeObserver(fit).observe(viewport);
viewport.addEventListener("wheel", event => {
  event.preventDefault();
  const box = viewport.getBoundingClientRect();
  zoomBy(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
viewport.addEventListener("pointerdown", event => {
  viewport.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
});
for (const kind of ["pointerup", "pointercancel"]) viewport.addEventListener(kind, event => fingers.delete(event.pointerId));
viewport.addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers.values()].find(finger => finger.pointerId !== event.pointerId);
  fingers.set(event.pointerId, event);
  if (other) {
    const box = viewport.getBoundingClientRect(), apart = from => Math.hypot(from.clientX - other.clientX, from.clientY - other.clientY);
    zoomBy(apart(event) / Math.max(1, apart(before)), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
    return;
  }
  zoom.x += event.clientX - before.clientX;
  zoom.y += event.clientY - before.clientY;
  place();
});
viewport.addEventListener("dblclick", fit);
