// Shows the state of the preview and loads the frames again whenever the server says that a file was saved.
"use strict";

let chosen = 0;
const words = JSON.parse(document.body.dataset.words);

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function write(id, text) {
  document.getElementById(id).textContent = text;
}

function showEditions(sheets) {
  const list = document.getElementById("editions");
  list.replaceChildren();
  if (sheets.length < 2) return;
  sheets.forEach((sheet, index) => {
    const button = element("button", sheet.lang || sheet.name);
    button.setAttribute("aria-pressed", String(index === chosen));
    button.addEventListener("click", () => { chosen = index; show(); });
    list.append(button);
  });
}

function note(finding, place) {
  const made = element("p", "", finding.level);
  if (place) made.append(place, " ");
  made.append(element("b", `${words[finding.level]} ${finding.id}`), ` ${finding.message} `, element("i", finding.fix));
  return made;
}

function jump(number) {
  const link = element("a", words.line.replace("{}", number));
  link.href = `#L${number}`;
  return link;
}

function showLines(sheet) {
  const box = document.getElementById("lines");
  box.replaceChildren();
  sheet.source.split("\n").slice(0, 3000).forEach((text, index) => {
    const found = sheet.findings.filter((finding) => finding.line === index + 1);
    const row = element("div", "", found.length ? "line marked" : "line");
    row.id = `L${index + 1}`;
    row.append(element("span", String(index + 1), "number"), element("code", text || " "));
    box.append(row, ...found.map((finding) => note(finding)));
  });
}

function showFindings(sheet) {
  const list = document.getElementById("findings");
  list.replaceChildren();
  if (sheet.error) {
    list.append(element("p", sheet.error, "broken"));
    if (sheet.lang) list.append(element("p", words.before, "broken"));
  }
  for (const finding of sheet.findings) {
    list.append(note(finding, finding.line ? jump(finding.line) : element("span", words.whole)));
  }
  if (!list.children.length) list.append(element("p", words.none, "fine"));
}

// A renewed frame stays where the editor had scrolled it to; no entry is added to the browser's history.
function load(frame, address) {
  const page = frame.contentDocument && frame.contentDocument.scrollingElement;
  if (page && !frame.awaited) frame.place = page.scrollTop;
  frame.awaited = true;
  frame.onload = () => { frame.awaited = false; frame.contentWindow.scrollTo(0, frame.place || 0); };
  frame.contentWindow.location.replace(address);
}

async function show() {
  const state = await (await fetch("/state", { cache: "no-store" })).json();
  chosen = Math.min(chosen, state.sheets.length - 1);
  const sheet = state.sheets[chosen];
  const errors = sheet.findings.filter((finding) => finding.level === "error").length;
  document.title = (errors ? `(${errors}) ` : "") + (sheet.subject || sheet.name);
  for (const id of ["inbox", "lines"]) document.getElementById(id).lang = sheet.lang;
  write("sender", sheet.sender);
  write("subject", sheet.subject || sheet.name);
  write("preheader", sheet.preheader);
  const size = (sheet.bytes / 1000).toLocaleString("en", { maximumFractionDigits: 1 });
  write("facts", `${sheet.name} · ${words.bytes.replace("{}", size)}`);
  showEditions(state.sheets);
  showFindings(sheet);
  showLines(sheet);
  for (const frame of document.querySelectorAll("iframe")) {
    load(frame, `/view/${chosen}/${frame.dataset.kind}?${state.version}`);
  }
}

const events = new EventSource("/events");
events.addEventListener("open", show);
events.addEventListener("message", show);
events.addEventListener("error", () => write("facts", words.ended));
