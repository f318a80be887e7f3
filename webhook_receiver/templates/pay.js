"use strict";
// Its texts by language, of the catalogs that the whole product has.
const WORDS = JSON.parse(document.getElementById("words").textContent);
const EVERY = 2000;
const PATIENCE = 15000;
const page = document.getElementById("page");
const parts = location.pathname.split("/").filter(Boolean);
const reference = parts[1] === "session" ? parts[2] : null;
let language = remembered() || (navigator.language.startsWith("am") ? "am" : "en");
let draw = () => {};
let announced = "";
let byEnergy = false;
let isStopping = false;

function recall(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}
function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* Then it is asked for anew next time. */ }
}
function remembered() { return recall("language"); }
function say(key) { return WORDS[language][key] || key; }
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made[name] = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
function show(...children) {
  document.documentElement.lang = language;
  document.title = say("title");
  const focused = document.activeElement && document.activeElement.id;
  const other = element("button", { class: "second small", id: "language", lang: language === "en" ? "am" : "en", onclick: swap }, say("other"));
  page.replaceChildren(element("header", {}, element("strong", {}, say("title")), other), ...children.filter((child) => child !== null));
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
}
function announce(text) {
  // Read out when it changes, not each time that figures do.
  if (text !== announced) document.getElementById("said").textContent = text;
  announced = text;
}
function gone() {
  draw = () => show(element("div", { class: "card" }, element("h1", { id: "gone" }, say("gone")), element("p", {}, say("goneHow"))));
  draw();
}
function stuck(again) {
  draw = () => show(element("div", { class: "card" }, element("p", { class: "bad", role: "alert" }, say(navigator.onLine ? "trouble" : "noLine")),
    element("button", { id: "again", onclick: again }, say("again"))));
  draw();
}
function swap() {
  language = language === "en" ? "am" : "en";
  keep("language", language);
  draw();
}
function lines(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined);
  return element("dl", {}, ...told.flatMap(([name, value]) => [element("dt", {}, say(name)), element("dd", {}, value)]));
}
async function ask(path, options) {
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
  // A proxy in between may answer in HTML.
  const told = await answer.json().catch(() => null);
  if (answer.ok && told) return told;
  const error = new Error("refused");
  error.status = answer.status;
  error.field = told && !told.error ? Object.keys(told)[0] : "";
  error.words = answer.status < 500 && told ? told.error || Object.values(told).flat().join(" ") : "";
  throw error;
}
function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

async function begin() {
  const token = parts[1];
  const info = (await ask(`/api/payments/qr-info/${token}/`)).connector_info;
  const typed = { value: "", phone: "" };
  let shown = info;
  draw = () => offer(token, shown, typed);
  draw();
  // Somebody else may come or go meanwhile; what is being typed or sent is left alone.
  setInterval(async () => {
    const now = await ask(`/api/payments/qr-info/${token}/`).catch(() => null);
    if (!now || now.connector_info.reason === shown.reason) return;
    shown = now.connector_info;
    if (!document.querySelector("#pay:disabled")) draw();
    announce(shown.reason_told[language] || say("free"));
  }, 5 * EVERY);
}
function last(token) {
  const before = (recall(`payment ${token}`) || "").replace(/[^\w-]/g, "");
  return before ? element("a", { class: "button second", id: "last", href: `/pay/session/${before}/` }, say("yours")) : null;
}
function offer(token, info, typed) {
  const kind = [info.connector_type_told[language], info.power_kw && `${Number(info.power_kw)} kW`];
  const prices = info.price_told[language].map((line) => element("p", {}, line));
  const place = element("div", { class: "card" },
    element("h1", {}, info.station_name),
    element("p", { class: "quiet" }, info.station_address),
    element("p", {}, [`${say("connector")} ${info.connector_number}`, ...kind.filter(Boolean)].join(" · ")),
    element("p", { class: info.is_available ? "" : "bad", id: "state" }, info.reason_told[language] || say("free")));
  const cost = element("div", { class: "card" }, element("h2", {}, say("price")), ...prices);
  show(place, cost, info.is_available ? form(token, info, typed) : null, last(token));
}
function refusal(error, info) {
  if (error.field === "phone_number") return `${say("phone")}: ${say("phoneHint")}`;
  if (["amount", "kwh_requested"].includes(error.field)) {
    const [least, most] = [info.least_amount, info.most_amount].map((value) => Number(value).toLocaleString("en"));
    return say("range").replace("{least}", least).replace("{most}", most).replace("{currency}", info.currency);
  }
  if (error.words && (language === "en" || WORDS[language][error.words])) return say(error.words);
  return say(navigator.onLine ? "trouble" : "noLine");
}
function form(token, info, typed) {
  const trouble = element("p", { class: "bad", role: "alert", id: "trouble" });
  const value = element("input", { id: "value", inputmode: "decimal", required: true, autocomplete: "off", placeholder: byEnergy ? null : say("amountHint"), "aria-describedby": "terms" });
  const phone = element("input", { id: "phone", type: "tel", required: true, autocomplete: "tel", placeholder: say("phoneHint") });
  value.value = typed.value;
  phone.value = typed.phone;
  value.oninput = () => { typed.value = value.value; };
  phone.oninput = () => { typed.phone = phone.value; };
  const choose = (energy) => () => { byEnergy = energy; draw(); };
  const choice = element("div", { class: "choice" },
    element("button", { type: "button", "aria-pressed": String(!byEnergy), onclick: choose(false) }, say("byMoney")),
    element("button", { type: "button", "aria-pressed": String(byEnergy), id: "by-energy", onclick: choose(true) }, say("byEnergy")));
  const button = element("button", { id: "pay" }, say("pay"));
  const name = byEnergy ? say("energy") : `${say("amount")} (${info.currency})`;
  return element("form", { class: "card", onsubmit: (event) => { event.preventDefault(); send(); } },
    choice, element("label", { for: "value" }, name), value, element("label", { for: "phone" }, say("phone")), phone,
    element("p", { class: "quiet", id: "terms" }, `${say("plug")} ${say("unused")}`), button, trouble);
  async function send() {
    if (button.disabled) return;
    button.disabled = true;
    trouble.textContent = "";
    button.textContent = say("working");
    const wish = byEnergy ? { payment_type: "kwh", kwh_requested: value.value.trim() } : { amount: value.value.trim() };
    try {
      const told = await post(`/api/payments/qr-initiate/${token}/`, { ...wish, phone_number: phone.value.replace(/[ -]/g, "") });
      keep(`payment ${token}`, told.payment_data.tx_ref);
      keep(`code ${told.payment_data.tx_ref}`, token);
      location.href = told.payment_data.checkout_url;
    } catch (error) {
      trouble.textContent = refusal(error, info);
      button.disabled = false;
      button.textContent = say("pay");
    }
  }
}

function money(session, value) { return value === null ? null : `${value} ${session.currency}`; }
function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  return seconds === null ? null : `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
function moment(session, text) {
  // On the station's clock, of 24 hours: of twelve, in Amharic they would be counted from the morning.
  return text && new Date(text).toLocaleString(language === "am" ? "am-ET" : "en-GB", { timeZone: session.timezone, dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
}
async function follow() {
  const path = `/api/payments/qr-sessions/${reference}/`;
  let wait = EVERY;
  try {
    const session = (await ask(path)).qr_session;
    draw = () => progress(path, session);
    draw();
    announce(headline(session));
    if (ended(session)) return;
  } catch (error) {
    if (error.status === 404) return gone();
    if (error.status === 429) wait = 5 * EVERY;
    const note = document.getElementById("note");
    if (note) note.textContent = say("offline");
    else show(element("p", { id: "note", class: "bad" }, say("offline")));
  }
  setTimeout(follow, wait);
}
function ended(session) {
  if (session.status === "settled") return !["due", "sent"].includes(session.refund_status);
  return ["failed", "mismatched"].includes(session.status);
}
function headline(session) {
  if (session.status === "settled" && Number(session.billed) === 0) return say("nothing");
  if (session.status !== "charging") return say(session.status);
  if (["pending", "started"].includes(session.charging_status)) return say("starting");
  if (["completed", "failed"].includes(session.charging_status)) return say("settled");
  return say(session.charging_status === "suspended" ? "suspended" : "charging");
}
function progress(path, session) {
  const head = element("div", { class: "card" },
    element("p", { class: "quiet" }, `${session.station_name} · ${say("connector")} ${session.connector_number}`),
    element("h1", { id: "status" }, headline(session)),
    session.energy_kwh === null ? null : element("p", { class: "figure", id: "energy" }, `${session.energy_kwh} kWh`),
    session.reason && session.status !== "pending" ? element("p", { class: "bad", id: "reason" }, session.reason_told[language]) : null,
    element("p", { id: "note", class: "bad" }));
  const more = {
    pending: () => [goOn(session)],
    expired: () => [anew()], failed: () => [anew()], mismatched: () => [],
    paid: () => [],
    charging: () => [live(session), session.can_stop ? stopButton(path) : element("p", { class: "quiet" }, say("later"))],
    settled: () => [receipt(session)],
  }[session.status];
  show(head, ...more());
}
function goOn(session) {
  if (!session.checkout_url) return element("p", {}, say("working"));
  return element("button", { id: "go-pay", class: "second", onclick: () => { location.href = session.checkout_url; } }, say("goPay"));
}
function anew() {
  const code = (recall(`code ${reference}`) || "").replace(/[^\w-]/g, "");
  return code ? element("a", { class: "button", id: "again", href: `/pay/${code}/` }, say("again")) : null;
}
function live(session) {
  const left = session.cost === null ? session.held : (Math.max(0, session.held - session.cost)).toFixed(2);
  const used = session.cost === null ? 0 : Math.min(1, session.cost / session.paid);
  return element("div", { class: "card" }, element("progress", { value: String(used), max: "1", "aria-label": say("progress") }), lines([
    ["power", session.power_kw && `${session.power_kw} kW`], ["time", clock(session.duration_seconds)],
    ["cost", money(session, session.cost)], ["paidIn", money(session, session.paid)], ["left", money(session, left)],
  ]));
}
function stopButton(path) {
  return element("button", { id: "stop", disabled: isStopping, onclick: stop }, say(isStopping ? "stopping" : "stop"));
  async function stop() {
    isStopping = true;
    draw();
    try { await post(`${path}stop-charging/`); } catch {
      isStopping = false;
      draw();
      document.getElementById("note").textContent = say("trouble");
    }
  }
}
function receipt(session) {
  const refund = { done: "back", due: "due", sent: "due", by_hand: "byHand" }[session.refund_status] || "back";
  const given = session.refund_status === "done" || !session.refund_status ? session.refunded : session.held;
  return element("div", { class: "card", id: "receipt" }, element("h2", {}, say("receipt")), lines([
    ["used", session.energy_kwh && `${session.energy_kwh} kWh`], ["from", moment(session, session.start_time)],
    ["until", moment(session, session.stop_time)], ["paidIn", money(session, session.paid)],
    ["billed", money(session, session.billed)], [refund, money(session, given)], ["reference", session.session_token],
  ]), session.receipt_url && element("a", { class: "button", id: "receipt-file", href: session.receipt_url }, say("file")),
  element("button", { class: "second", onclick: () => print() }, say("print")));
}

function start() {
  begin().catch((error) => (error.status === 404 ? gone() : stuck(start)));
}
// A page that comes back by the back button is as it was when it was left.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
if (reference) follow();
else start();
