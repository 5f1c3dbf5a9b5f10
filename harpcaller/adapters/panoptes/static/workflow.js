"use strict";

// Addresses are relative: behind a proxy we may be below any path.
// Names and messages come from whoever reports: they enter by textContent alone.
const MAX_LINES = 2000;
const LOOK_MS = 1000;
const id = location.pathname.split("/").filter(Boolean).pop();
const at = (name) => document.getElementById(name);

let source = null;
let lookDue = false;
let lastLook = 0;

function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.classList.add(kind);
  return made;
}

function word(text) {
  return /^[A-Za-z_]+$/.test(text) ? text : "";
}

function showWorkflow(workflow) {
  document.title = `${workflow.status}: ${workflow.name}`;
  at("name").textContent = workflow.name;
  at("status").textContent = workflow.status;
  at("status").className = `word ${word(workflow.status)}`;
  at("counts").textContent = `${workflow.jobs_done} of ${workflow.jobs_total} jobs done`;
  at("progress").max = Math.max(1, workflow.jobs_total);
  at("progress").value = workflow.jobs_done;
  const ended = workflow.completed_at ? `, ended ${workflow.completed_at}` : "";
  at("times").textContent = `Started ${workflow.started_at}${ended}`;
}

function showJobs(jobs) {
  const rows = jobs.map((job) => {
    const row = document.createElement("tr");
    const output = Array.isArray(job.output) ? job.output.join(" ") : "";
    row.append(
      element("td", String(job.jobid)),
      element("td", String(job.name ?? "")),
      element("td", job.status, word(job.status)),
      element("td", output),
    );
    return row;
  });
  at("jobs").replaceChildren(...rows);
}

async function read(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

async function look() {
  lookDue = false;
  lastLook = Date.now();
  try {
    const base = `../../api/workflow/${encodeURIComponent(id)}`;
    const [one, jobs] = await Promise.all([read(base), read(`${base}/jobs`)]);
    showWorkflow(one.workflow);
    showJobs(jobs.jobs);
  } catch (error) {
    at("connection").textContent = `not read: ${error.message}`;
  }
}

function lookSoon() {
  if (lookDue) return;
  lookDue = true;
  setTimeout(look, Math.max(0, lastLook + LOOK_MS - Date.now()));
}

function text(message) {
  if (typeof message.msg === "string") return message.msg.trim();
  if (message.level === "progress") return `${message.done} of ${message.total} done`;
  const parts = [message.name, message.jobid === undefined ? null : `job ${message.jobid}`];
  return parts.filter((part) => part !== null && part !== undefined).join(", ");
}

function showPacket(number, packet) {
  const message = packet.message;
  if (!message) return;
  const level = typeof message.level === "string" ? message.level : "info";
  const line = element("li", "", word(level));
  line.append(element("span", `${number}`, "number"), `${level}: ${text(message)}`);
  const log = at("log");
  log.append(line);
  while (log.childElementCount > MAX_LINES) log.firstElementChild.remove();
}

function follow() {
  if (source) source.close();
  at("log").replaceChildren();
  const level = encodeURIComponent(at("level").value);
  source = new EventSource(`events?level=${level}`);
  source.onopen = () => { at("connection").textContent = ""; };
  source.onerror = () => { at("connection").textContent = "connecting again"; };
  source.onmessage = (event) => {
    const told = JSON.parse(event.data);
    showPacket(told.packet, told.data);
    lookSoon();
  };
  source.addEventListener("end", () => { source.close(); lookSoon(); });
}

at("level").addEventListener("change", follow);
follow();
look();
// A filter may hide what changes the table; a verdict comes without an event.
setInterval(lookSoon, 15000);
