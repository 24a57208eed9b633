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

function note(finding, place) {
  const made = element("p", "", finding.level);
  if (place) made.append(place, " ");
  made.append(element("b", `${finding.level} ${finding.id}`), ` ${finding.message} `, element("i", finding.fix));
  return made;
}

function jump(number) {
  const link = element("a", `line ${number}`);
  link.href = `#L${number}`;
  link.addEventListener("click", () => { document.getElementById("written").open = true; });
  return link;
}

function showWritten(sheet) {
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
  if (sheet.error) list.append(element("p", sheet.error, "error"));
  for (const finding of sheet.findings) {
    list.append(note(finding, finding.line ? jump(finding.line) : element("span", "issue")));
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
  showWritten(sheet);
  for (const frame of document.querySelectorAll("iframe")) {
    frame.src = `/view/${chosen}/${frame.dataset.kind}?${state.version}`;
  }
}

new EventSource("/events").addEventListener("message", show);
show();
