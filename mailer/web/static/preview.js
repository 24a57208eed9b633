// Shows the state of the preview and loads the frames again whenever the server says that a file was saved.
"use strict";

let chosen = 0;

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
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

function showFindings(sheet) {
  const list = document.getElementById("findings");
  list.replaceChildren();
  if (sheet.error) list.append(element("p", sheet.error, "error"));
  for (const finding of sheet.findings) {
    const line = element("p", "", finding.level);
    line.append(element("b", finding.line ? `line ${finding.line}` : "issue"), ` ${finding.id} ${finding.message} `, element("i", finding.fix));
    list.append(line);
  }
  if (!list.children.length) list.append(element("p", "No findings.", "fine"));
}

async function show() {
  const state = await (await fetch("/state", { cache: "no-store" })).json();
  chosen = Math.min(chosen, state.sheets.length - 1);
  const sheet = state.sheets[chosen];
  document.title = sheet.subject || sheet.name;
  document.getElementById("subject").textContent = sheet.subject || sheet.name;
  document.getElementById("facts").textContent = `${sheet.name} · ${sheet.bytes.toLocaleString("en")} bytes of HTML`;
  showEditions(state.sheets);
  showFindings(sheet);
  for (const frame of document.querySelectorAll("iframe")) {
    frame.src = `/view/${chosen}/${frame.dataset.kind}?${state.version}`;
  }
}

new EventSource("/events").addEventListener("message", show);
show();
