// What pages can do with scripts: stay true, reveal payloads, act, and keep filters. Reading needs none of it.
"use strict";

const token = document.querySelector('meta[name="duroxide-token"]')?.content;
const here = location.pathname.split("/").pop() + location.search;
/** Payloads that were fetched, by address, so that a part that is replaced keeps what was open. */
const fetched = new Map();

const said = document.getElementById("said");
let saidTimer;
function say(text, isError) {
  if (!said) return;
  said.textContent = text;
  said.classList.toggle("error", Boolean(isError));
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { said.textContent = ""; }, isError ? 15000 : 6000);
}

// Payloads: as text, never as markup.

function show(details, text, isBad) {
  details.querySelector("a")?.remove();
  let pre = details.querySelector("pre");
  if (!pre) {
    pre = document.createElement("pre");
    pre.tabIndex = 0;
    details.append(pre);
  }
  pre.classList.toggle("bad", Boolean(isBad));
  pre.textContent = text === "" ? "(empty)" : text;
}

async function reveal(details) {
  const address = details.dataset.payload;
  if (!details.open) { fetched.delete(address); return; }
  if (fetched.has(address)) { show(details, fetched.get(address)); return; }
  let text, isBad = true;
  try {
    const response = await fetch(address, { credentials: "same-origin" });
    text = await response.text();
    isBad = !response.ok;
    if (!isBad) fetched.set(address, text);
  } catch (error) {
    text = String(error);
  }
  // The part may have been replaced meanwhile.
  for (const place of document.querySelectorAll("details[data-payload][open]")) {
    if (place.dataset.payload === address) show(place, text, isBad);
  }
}

// A toggle does not bubble.
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details[data-payload]")) reveal(event.target);
}, true);

// Live: parts are replaced as the store changes.

function replace(part, html) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const selection = getSelection();
  if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) return false;
  const mark = focused && (focused.id ? "#" + CSS.escape(focused.id) : focused.getAttribute("href") && `a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
  const scrolled = [...part.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
  const open = new Set([...part.querySelectorAll("details[data-payload][open]")].map((details) => details.dataset.payload));
  part.innerHTML = html;
  part.querySelectorAll(".wide").forEach((wide, at) => { wide.scrollLeft = scrolled[at] ?? 0; });
  for (const details of part.querySelectorAll("details[data-payload]")) {
    const address = details.dataset.payload;
    if (open.has(address)) details.open = true;
    if (open.has(address) && fetched.has(address)) show(details, fetched.get(address));
  }
  if (mark) part.querySelector(mark)?.focus({ preventScroll: true });
  return true;
}

const button = document.getElementById("live");
/** Parts as they came last: after a pause all come again, and most are the same. */
const came = new Map();
let source;
function follow() {
  source = new EventSource("live?page=" + encodeURIComponent(here));
  source.addEventListener("parts", (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) {
      const part = document.getElementById(id);
      if (!part?.hasAttribute("data-live") || came.get(id) === html) continue;
      if (replace(part, html)) came.set(id, html);
    }
    document.documentElement.dataset.seen = String(Number(document.documentElement.dataset.seen ?? 0) + 1);
  });
  // A stream that ends is asked for again by itself. One that is refused is not: access is over, or too many watch.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    button.setAttribute("aria-pressed", "false");
    say("This page does not follow the store any more. Load it again.", true);
  });
}
if (button && document.querySelector("[data-live]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!isOn));
    if (isOn) source?.close(); else follow();
  });
  follow();
  // A page that nobody sees holds no stream.
  document.addEventListener("visibilitychange", () => {
    if (button.getAttribute("aria-pressed") !== "true") return;
    source?.close();
    if (!document.hidden) follow();
  });
  addEventListener("pagehide", () => source?.close());
}

// Arguments become JSON, with all digits of a number as they were typed.

function argument(field) {
  const text = field.value.trim();
  const name = field.dataset.argument;
  const wrong = (what) => { throw new Error(`${name}: expected ${what}, found ${text || "nothing"}`); };
  if (field.dataset.field === "flag") return String(field.checked);
  if (text === "" && field.hasAttribute("data-optional")) return "null";
  switch (field.dataset.field) {
    case "text": return JSON.stringify(field.value);
    case "whole": return /^-?\d+$/.test(text) ? text.replace(/^(-?)0+(?=\d)/, "$1") : wrong("a whole number");
    case "number": return text !== "" && Number.isFinite(Number(text)) ? String(Number(text)) : wrong("a number");
    default:
      try { JSON.parse(text); } catch (error) { wrong(`JSON (${error.message})`); }
      return text;
  }
}

function input(form) {
  const fields = [...form.querySelectorAll("[data-argument]")];
  if (fields.length === 0) return form.elements.input?.value ?? "null";
  if (fields.length === 1) return argument(fields[0]);
  return "{" + fields.map((field) => JSON.stringify(field.dataset.argument) + ":" + argument(field)).join(",") + "}";
}

// Acting: a POST that brings the token of this page in a header.

async function act(form) {
  const body = new URLSearchParams(new FormData(form));
  if (form.hasAttribute("data-input")) body.set("input", input(form));
  const response = await fetch(form.getAttribute("action"), {
    method: "POST",
    credentials: "same-origin",
    headers: { "x-duroxide-token": token ?? "" },
    body,
  });
  if (!response.ok) throw new Error(await response.text());
  const { said: text, next } = await response.json();
  say(text);
  if (next) location.assign(next);
  else form.closest("details.act")?.removeAttribute("open");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-act]")) return;
  event.preventDefault();
  if (form.dataset.sure && !confirm(form.dataset.sure)) return;
  const place = form.querySelector(".error");
  if (place) place.textContent = "";
  act(form).catch((error) => {
    if (place) place.textContent = error.message; else say(error.message, true);
  });
});

// Filters that are kept in this browser.

const saved = document.getElementById("saved");
if (saved) {
  const place = "duroxide-filters";
  const read = () => { try { return JSON.parse(localStorage.getItem(place)) ?? {}; } catch { return {}; } };
  const write = (filters) => { localStorage.setItem(place, JSON.stringify(filters)); list(); };
  const list = () => {
    const items = Object.entries(read()).map(([label, query]) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.className = "button";
      link.href = "instances" + query;
      link.textContent = label;
      const forget = document.createElement("button");
      forget.type = "button";
      forget.textContent = "×";
      forget.setAttribute("aria-label", `Forget the filter ${label}`);
      forget.addEventListener("click", () => { const filters = read(); delete filters[label]; write(filters); });
      item.append(link, forget);
      return item;
    });
    saved.querySelector("ul").replaceChildren(...items);
  };
  saved.hidden = false;
  saved.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const label = event.target.elements.label.value.trim();
    const form = document.querySelector("form.filters");
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    write({ ...read(), [label]: "?" + query });
    event.target.reset();
    say(`The filter “${label}” is kept in this browser.`);
  });
  list();
}
