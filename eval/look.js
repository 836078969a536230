"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const STEP = 40; // items added at a time
const LONGEST = 1500; // words of an answer up to which words are compared one by one
let chosen = [], shown = 0;

// Text only ever becomes text: whatever an answer holds, it is not read as HTML.
function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fill(select, names) {
  for (const [value, text] of names) {
    const option = make("option", "", text);
    option.value = value;
    select.append(option);
  }
}

// The words of two texts as [kind, text]: "=" in both, "-" only in the first, "+" only in the second.
function wordDiff(before, after) {
  const a = before.match(/\s+|\S+/g) || [], b = after.match(/\s+|\S+/g) || [];
  if (a.length > LONGEST || b.length > LONGEST) return [["-", before], ["+", after]];
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const made = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { made.push(["=", a[i]]); i++; j++; }
    else if (j >= b.length || (i < a.length && longest[i + 1][j] >= longest[i][j + 1])) made.push(["-", a[i++]]);
    else made.push(["+", b[j++]]);
  }
  return made;
}

function answerText(item, name) {
  const box = make("pre", "answer"), [first, second] = data.pairs[at("pair").value];
  if (!at("diff").checked || name !== first) {
    box.textContent = item.answers[name].text;
    return box;
  }
  for (const [kind, text] of wordDiff(item.answers[second].text, item.answers[first].text))
    box.append(make({ "=": "span", "+": "ins", "-": "del" }[kind], "", text));
  return box;
}

function column(item, name) {
  const one = item.answers[name], verdict = one.correct === true ? "right" : one.correct === false ? "wrong" : "";
  const box = make("div", verdict), title = make("h3", "", data.names[name]);
  title.append(make("span", "", one.reason || ""));
  box.append(title, answerText(item, name));
  if (one.ran) box.append(make("pre", "ran", one.ran));
  return box;
}

function article(item) {
  const box = make("article"), head = make("header");
  head.append(make("b", "", item.id), make("span", "tag", item.kind));
  for (const [pair, score] of Object.entries(item.won))
    if (score !== null) head.append(make("span", "tag", pairText(pair) + ": " + outcomeText(pair, score)));
  box.append(head, make("pre", "asked", item.prompt));
  if (item.expected) {
    const more = make("details");
    more.append(make("summary", "", "Reference"), make("pre", "", item.expected));
    if (item.expected_ran) more.append(make("pre", "ran", item.expected_ran));
    box.append(more);
  }
  const three = make("div", "three");
  for (const name of Object.keys(data.names)) three.append(column(item, name));
  box.append(three);
  return box;
}

const pairText = (pair) => data.pairs[pair].map((name) => data.names[name]).join(" against ");
const outcomeText = (pair, score) => (score === 0.5 ? "tie" : data.names[data.pairs[pair][score === 1 ? 0 : 1]] + " won");

function fits(item) {
  const words = at("search").value.toLowerCase(), kind = at("kind").value, outcome = at("outcome").value;
  const verdicts = Object.values(item.answers).map((one) => one.correct);
  return (!kind || item.kind === kind)
    && (outcome === "" || item.won[at("pair").value] === Number(outcome))
    && (!at("disagree").checked || new Set(verdicts).size > 1)
    && (!words || item.search.includes(words));
}

function more() {
  at("items").append(...chosen.slice(shown, shown + STEP).map(article));
  shown = Math.min(shown + STEP, chosen.length);
  at("more").hidden = shown === chosen.length;
  for (const box of document.querySelectorAll(".asked")) box.scrollTop = box.scrollHeight; // the question comes last
}

function refresh() {
  chosen = data.items.filter(fits);
  shown = 0;
  at("items").replaceChildren();
  at("count").textContent = chosen.length + " of " + data.items.length + " items";
  more();
}

for (const item of data.items)
  item.search = [item.id, item.prompt, ...Object.values(item.answers).map((one) => one.text)].join("\n").toLowerCase();
fill(at("kind"), [["", "all"], ...[...new Set(data.items.map((item) => item.kind))].sort().map((kind) => [kind, kind])]);
fill(at("pair"), Object.keys(data.pairs).map((pair) => [pair, pairText(pair)]));
for (const id of ["search", "kind", "pair", "outcome", "disagree", "diff"]) at(id).addEventListener("input", refresh);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
at("more").addEventListener("click", more);
refresh();
