// The page's only script: asks for the regions at each change and swaps what differs; sends people's acts.
"use strict";
const body = document.body;
const place = { channel: body.dataset.channel, as: body.dataset.as, thread: body.dataset.thread };
const seen = {};
const drawn = new Set();
let asked = false;
let again = false;

const byId = (id) => document.getElementById(id);

function toast(text) {
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  byId("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

const two = (n) => String(n).padStart(2, "0");

function shaped(seconds, shape) {
  const at = new Date(seconds * 1000);
  const long = (options) => at.toLocaleDateString("en-GB", options);
  const parts = {
    time: `${two(at.getHours())}:${two(at.getMinutes())}`,
    time_secs: `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
    date_num: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    date: long({ day: "numeric", month: "long", year: "numeric" }),
    date_short: long({ day: "numeric", month: "short", year: "numeric" }),
    date_long: long({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    date_pretty: long({ day: "numeric", month: "long" }),
    date_short_pretty: long({ day: "numeric", month: "short" }),
    date_long_pretty: long({ weekday: "long", day: "numeric", month: "long" }),
  };
  return shape.replace(/\{([a-z_]+)\}/g, (whole, name) => parts[name] ?? whole);
}

function clocks(root) {
  for (const time of root.querySelectorAll("time[data-at]")) {
    time.textContent = shaped(Number(time.dataset.at), time.dataset.shape);
  }
}

function keepOpen(before, after) {
  for (const box of before.querySelectorAll("details")) {
    const same = box.dataset.keep
      ? after.querySelector(`details[data-keep="${CSS.escape(box.dataset.keep)}"]`)
      : after.querySelector(`details.${box.classList[0]}`);
    if (same && (box.dataset.keep || box.open)) same.open = box.open;
  }
}

function swapLines(holder, html) {
  const end = holder.scrollHeight - holder.scrollTop - holder.clientHeight < 60;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const had = new Map([...holder.children].map((child) => [child.id, child]));
  const wanted = [...fresh.content.children].map((child) => {
    const old = child.id && had.get(child.id);
    if (old && old.dataset.was === child.outerHTML) return old;
    const was = child.outerHTML;
    if (old) keepOpen(old, child);
    child.dataset.was = was;
    clocks(child);
    return child;
  });
  // What was said to this person alone must not stay unseen below the fold.
  const told = drawn.has(holder.id) && wanted.some((child) => child.classList.contains("whisper") && !had.has(child.id));
  drawn.add(holder.id);
  holder.replaceChildren(...wanted);
  if (end || told) holder.scrollTop = holder.scrollHeight;
}

function show(parts) {
  for (const [name, html] of Object.entries(parts)) {
    if (seen[name] === html) continue;
    seen[name] = html;
    const holder = byId(name);
    if (name === "messages" || name === "thread") swapLines(holder, html);
    else if (name === "modal") swapModal(holder, html);
    else {
      const fresh = document.createElement("div");
      fresh.innerHTML = html;
      keepOpen(holder, fresh);
      holder.replaceChildren(...fresh.childNodes);
      clocks(holder);
    }
  }
}

function swapModal(holder, html) {
  const before = holder.querySelector("form");
  const typed = before ? values(before) : {};
  holder.innerHTML = html;
  const form = holder.querySelector("form");
  if (!form) return;
  clocks(form);
  for (const [block, fields] of Object.entries(typed)) {
    const box = form.querySelector(`[data-block="${CSS.escape(block)}"]`);
    const input = box && box.querySelector("input:not([type=radio]):not([type=checkbox]), textarea, select");
    const value = Object.values(fields)[0];
    if (input && typeof value === "string" && value) input.value = value;
  }
  if (!before) (form.querySelector(".b-input input, .b-input textarea, .b-input select") || form.querySelector("button")).focus();
}

async function refresh() {
  if (asked) { again = true; return; }
  asked = true;
  try {
    const wanted = String(new URLSearchParams(place));
    const answer = await fetch(`/page/parts?${wanted}`);
    const found = answer.ok ? await answer.json() : null;
    // An answer for a place that the person has left since then is worth nothing.
    if (wanted !== String(new URLSearchParams(place))) again = true;
    else if (found) {
      place.thread = found.place.thread || "";
      place.channel = found.place.channel;
      document.querySelector(".thread").hidden = !place.thread;
      byId("threadname").textContent = `#${found.place.name}`;
      document.querySelector(".room textarea").placeholder = `Message #${found.place.name}, or /incident help`;
      show(found.parts);
    }
  } finally {
    asked = false;
    if (again) { again = false; refresh(); }
  }
}

function go(change, jump) {
  Object.assign(place, change);
  drawn.clear();
  const where = new URLSearchParams({ channel: place.channel, as: place.as, ...(place.thread && { thread: place.thread }) });
  history.pushState({ ...place }, "", `?${where}`);
  body.classList.remove("drawer");
  refresh().then(() => { if (jump) byId(jump).scrollTop = byId(jump).scrollHeight; });
}

const REASONS = {
  app_not_connected: "The app is not connected. Events wait for it; this action was not delivered.",
  operation_timeout: "The app did not answer within 3 seconds.",
  no_such_button: "That button is not there any more.",
  not_in_threads: "Slack has no slash commands in threads. Mention @watchkeeper instead.",
  view_not_open: "This dialog is closed already.",
};

async function send(act) {
  const answer = await fetch("/page/act", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ as: place.as, ...act }),
  });
  const found = await answer.json();
  if (found.error && found.error !== "form_incomplete" && !found.queued) {
    toast(REASONS[found.error] || `Refused: ${found.error}`);
  }
  refresh();
  return found;
}

function asks(confirm) {
  return new Promise((decide) => {
    const box = document.createElement("dialog");
    box.className = "dialog";
    const head = document.createElement("header");
    const title = document.createElement("b");
    title.textContent = confirm.title;
    head.append(title);
    const inside = document.createElement("div");
    inside.className = "inside";
    if (confirm.text) inside.textContent = confirm.text;
    else inside.innerHTML = confirm.html;
    clocks(inside);
    const foot = document.createElement("footer");
    for (const [label, style, yes] of [[confirm.deny, "", false], [confirm.confirm, confirm.style, true]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = `btn ${style}`;
      button.textContent = label;
      button.addEventListener("click", () => { box.close(); decide(yes); });
      foot.append(button);
    }
    box.append(head, inside, foot);
    box.addEventListener("close", () => { box.remove(); decide(false); });
    body.append(box);
    box.showModal();
  });
}

// The message may have been edited while the question stood open: its newest button is the one that is pressed.
function newest(control, message) {
  const id = control.dataset.action;
  const now = message && id && byId(message);
  return (now && now.querySelector(`[data-action="${CSS.escape(id)}"]`)) || control;
}

async function use(pressed, value) {
  let control = pressed;
  const message = control.closest(".msg")?.id;
  if (control.dataset.confirm) {
    if (!(await asks(JSON.parse(control.dataset.confirm)))) return;
    control = newest(control, message);
  }
  control.setAttribute("aria-busy", "true");
  const act = JSON.parse(control.dataset.act);
  if (value !== undefined) act.value = value;
  try { await send(act); } finally { control.removeAttribute("aria-busy"); }
}

function values(form) {
  const out = {};
  for (const box of form.querySelectorAll("[data-block]")) {
    const named = box.querySelector("[name]");
    const ticked = [...box.querySelectorAll("input:checked")].map((one) => one.value);
    const kind = box.dataset.kind;
    let value = named.value;
    if (kind === "checkboxes") value = ticked;
    if (kind === "radio_buttons") value = ticked[0] || "";
    if (kind.startsWith("multi_")) value = [...named.selectedOptions].map((one) => one.value).filter(Boolean);
    out[box.dataset.block] = { [named.name]: value };
  }
  return out;
}

async function submitView(form) {
  const found = await send({ type: "view_submit", view_id: form.dataset.view, values: values(form) });
  const current = byId("modal").querySelector("form");
  if (!current) return;
  for (const box of current.querySelectorAll("[data-block]")) {
    const fault = box.querySelector(".fault");
    fault.textContent = (found.errors || {})[box.dataset.block] || "";
    fault.hidden = !fault.textContent;
  }
}

document.addEventListener("click", (event) => {
  const hit = (selector) => event.target.closest(selector);
  let found;
  if ((found = hit("[data-channel-link]"))) { event.preventDefault(); go({ channel: found.dataset.channelLink, thread: "" }, "messages"); }
  else if ((found = hit("[data-thread-link]"))) { event.preventDefault(); go({ thread: found.dataset.threadLink }, "thread"); }
  else if (hit("[data-close-thread]")) go({ thread: "" });
  else if (body.classList.contains("drawer") && !hit(".side")) body.classList.remove("drawer");
  else if (hit("[data-drawer]")) body.classList.toggle("drawer");
  else if (hit("[data-view-close]")) send({ type: "view_close", view_id: hit("form").dataset.view });
  else if ((found = hit("[data-scenario]"))) scenario(found);
  else if ((found = hit("button[data-act], a[data-act]"))) use(found, found.dataset.value);
  for (const menu of document.querySelectorAll("details.menu[open], details.pins[open]")) {
    if (!menu.contains(event.target) || hit(".pop button")) menu.open = false;
  }
});

document.addEventListener("change", (event) => {
  const control = event.target;
  if (control.id === "actas") go({ as: control.value });
  else if (control.matches("select[data-act], input[data-act]")) {
    const many = control.type === "checkbox";
    const group = many && [...control.closest(".ticks").querySelectorAll("input:checked")].map((one) => one.value);
    use(control, many ? group : control.value);
  }
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.view) { submitView(form); return; }
  const box = form.elements.text;
  const typed = box.value.trim();
  if (!typed) return;
  box.value = "";
  const inThread = form.dataset.composer === "thread";
  const holder = byId(inThread ? "thread" : "messages");
  holder.scrollTop = holder.scrollHeight;
  send({ typed, channel: place.channel, ...(inThread && { thread_ts: place.thread }) });
});

document.addEventListener("keydown", (event) => {
  const box = event.target;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && box.matches(".composer textarea")) {
    event.preventDefault();
    box.form.requestSubmit();
  }
  if (event.key === "Escape") {
    const view = document.querySelector("#modal form");
    if (view) send({ type: "view_close", view_id: view.dataset.view });
    else if (place.thread) go({ thread: "" });
  }
});

async function scenario(button) {
  const name = button.dataset.scenario;
  const running = button.dataset.running;
  if (running && !(await asks({
    title: "Start another scenario?",
    html: "",
    text: `“${running}” has not come to its end. Its alerts end first, then production starts anew.`,
    confirm: "Start", deny: "Not yet", style: "primary",
  }))) return;
  button.setAttribute("aria-busy", "true");
  const answer = await fetch("/page/scenario", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ scenario: name }),
  });
  button.removeAttribute("aria-busy");
  body.classList.remove("drawer");
  if (!answer.ok) toast((await answer.json()).error);
  refresh();
}

window.addEventListener("popstate", () => {
  const now = new URLSearchParams(location.search);
  Object.assign(place, { channel: now.get("channel") || place.channel, thread: now.get("thread") || "" });
  refresh();
});

clocks(document);
refresh().then(() => {
  byId("messages").scrollTop = byId("messages").scrollHeight;
  byId("thread").scrollTop = byId("thread").scrollHeight;
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: "center" });
});
const live = new EventSource("/page/live");
live.onmessage = refresh;
live.onerror = () => setTimeout(refresh, 1000);
