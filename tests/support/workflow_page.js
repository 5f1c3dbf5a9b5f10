"use strict";
// Plays a browser that shows the page of a workflow: `node workflow_page.js URL`.
// It prints what is to be seen once the stream has ended and all was looked at.
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const page = new URL(process.argv[2]);
const script = path.join(
  __dirname, "../../harpcaller/adapters/panoptes/static/workflow.js");

class Element {
  constructor(tag) {
    this.tag = tag;
    this.text = "";
    this.children = [];
    this.listeners = {};
    this.value = "debug";
    this.classList = { add: () => {} };
  }
  get textContent() {
    return this.text + this.children.map((one) => one.textContent).join(" ");
  }
  set textContent(text) { this.text = String(text); this.children = []; }
  append(...all) {
    for (const one of all) {
      const child = typeof one === "string" ? new Element("#text") : one;
      if (typeof one === "string") child.text = one;
      this.children.push(child);
    }
  }
  replaceChildren(...all) { this.text = ""; this.children = all; }
  get childElementCount() { return this.children.length; }
  get firstElementChild() { return { remove: () => this.children.shift() }; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
}

const elements = {};
const document = {
  getElementById: (id) => (elements[id] ??= new Element("div")),
  createElement: (tag) => new Element(tag),
};

// As a browser's, as far as the page needs it: one connection, to its end.
class Source {
  constructor(address) {
    this.listeners = {};
    this.run(new URL(address, page));
  }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  close() {}
  async run(url) {
    const answer = await fetch(url);
    this.onopen();
    let rest = "";
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + piece).split("\n\n");
      rest = blocks.pop();
      blocks.forEach((block) => this.take(block));
    }
  }
  take(block) {
    const fields = Object.fromEntries(
      block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
    if (fields.event) this.listeners[fields.event]?.({ data: fields.data });
    else if (fields.id) this.onmessage({ data: fields.data });
    if (fields.event === "end") setTimeout(show, 2500);
  }
}

function show() {
  const seen = {};
  for (const id of ["name", "status", "counts", "connection"]) {
    seen[id] = document.getElementById(id).textContent;
  }
  for (const id of ["jobs", "log"]) {
    seen[id] = document.getElementById(id).children.map((one) => one.textContent);
  }
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  process.exit(0);
}

vm.runInNewContext(fs.readFileSync(script, "utf8"), {
  document,
  location: page,
  EventSource: Source,
  fetch: (address, options) => fetch(new URL(address, page), options),
  setTimeout,
  setInterval: () => {},
});
