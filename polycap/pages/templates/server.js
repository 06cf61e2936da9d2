"use strict";

// Each photo is a request of its own, so that captions show as they come; the server makes batches of those that wait.
const AT_ONCE = 4;
const cards = [];
const waiting = [];
let running = 0;

const place = document.getElementById("cards");
const ask = document.getElementById("ask");
const input = document.getElementById("photos");
const drop = document.querySelector(".drop");

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function chosen() {
  return [...ask.querySelectorAll("[name=language]:checked")].map((box) => ({ code: box.value, ...box.dataset }));
}

function add(files) {
  for (const file of files) {
    const picture = element("img", { class: "mount", src: URL.createObjectURL(file), alt: file.name });
    picture.onerror = () => picture.replaceWith(element("div", { class: "mount none" }, "no picture"));
    const text = element("figcaption", {});
    const figure = element("figure", { class: "card" }, picture, text);
    place.append(element("li", {}, figure));
    cards.push({ file, picture, text, figure, captions: new Map(), asked: new Set(), busy: 0, fault: "" });
  }
  update();
}

// Ask for what is chosen and not there yet, and show what is.
function update() {
  for (const card of cards) {
    const codes = chosen().map((language) => language.code).filter((code) => !card.asked.has(code));
    if (codes.length && !card.fault) {
      codes.forEach((code) => card.asked.add(code));
      card.busy += 1;
      waiting.push({ card, codes });
    }
    show(card);
  }
  report();
  work();
}

async function work() {
  while (waiting.length && running < AT_ONCE) {
    running += 1;
    caption(waiting.shift()).finally(() => {
      running -= 1;
      report();
      work();
    });
  }
}

async function caption({ card, codes }) {
  try {
    for (const row of await request(card.file, codes)) {
      if (row.error) card.fault = row.error;
      else card.captions.set(row.language, row.caption);
    }
  } catch (error) {
    card.fault = error.message;
  }
  card.busy -= 1;
  show(card);
}

async function request(file, codes) {
  const body = new FormData();
  body.append("photos", file);
  codes.forEach((code) => body.append("language", code));
  for (;;) {
    const answer = await fetch("v1/captions", { method: "POST", body });
    const found = await answer.json();
    if (Array.isArray(found)) return found;
    if (answer.status !== 503) throw new Error(found.detail);
    await new Promise((done) => setTimeout(done, 1000 * Number(answer.headers.get("Retry-After"))));
  }
}

const SHOWN = 7; // languages that a card shows without folding any

function list(card, languages) {
  const made = element("dl", {});
  for (const { code, name, direction, mode } of languages) {
    const caption = element("dd", { lang: code, dir: direction }, card.captions.get(code));
    if (mode !== "horizontal-tb") caption.setAttribute("style", `writing-mode: ${mode}`);
    made.append(element("div", {}, element("dt", { dir: direction }, element("span", { lang: code }, name)), caption));
  }
  return made;
}

// The captions of the first language, and the others folded if there are many.
function lists(card, rows) {
  if (rows.length <= SHOWN) return rows.length ? [list(card, rows)] : [];
  const folded = rows.slice(1);
  const others = element("details", {}, element("summary", {}, `${folded.length} more languages`), list(card, folded));
  others.open = Boolean(card.text.querySelector("details")?.open);
  return [list(card, rows.slice(0, 1)), others];
}

function show(card) {
  const rows = chosen().filter((language) => card.captions.has(language.code));
  if (rows.length) {
    card.picture.alt = card.captions.get(rows[0].code);
    card.picture.lang = rows[0].code;
  }
  card.text.replaceChildren(...lists(card, rows));
  if (card.busy) card.text.append(element("p", { class: "busy" }, "captioning…"));
  if (card.fault) card.text.append(element("p", { class: "fault" }, card.fault));
  card.text.append(element("p", { class: "source" }, card.file.name));
  card.figure.setAttribute("aria-busy", String(card.busy > 0));
}

function report() {
  const done = cards.filter((card) => !card.busy && !card.fault).length;
  const bad = cards.filter((card) => card.fault).length;
  let text = cards.length ? `${done} of ${cards.length} ${cards.length === 1 ? "photo" : "photos"} captioned` : "";
  if (bad) text += `, ${bad} failed`;
  if (!chosen().length) text = "Choose a language.";
  document.getElementById("status").textContent = text;
}

input.addEventListener("change", () => {
  add(input.files);
  input.value = ""; // so that the same photo can be chosen again
});
ask.addEventListener("change", (event) => event.target.name === "language" && update());
ask.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget === null && drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  add(event.dataTransfer.files);
});
