#!/usr/bin/env node
// Submit a call, follow its stream, print its result: Node.js without packages.
//
// usage: call.js HOST PROCEDURE [ARGUMENTS]
//
// ARGUMENTS is a JSON list or object. Exit status: 0 result, 1 any other end,
// 2 usage, 3 refused, 7 no dispatcher.
"use strict";
const net = require("node:net");
const readline = require("node:readline");

const [host, procedure, text = "[]"] = process.argv.slice(2);
const server = process.env.HARPCALLER_SERVER || "127.0.0.1:3502";
const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(server);

// One connection for each request; every line of the answer comes out as a value.
async function* ask(request) {
  const socket = net.connect(Number(port), address);
  socket.on("error", () => {});
  socket.write(JSON.stringify({ harpcaller: 1, ...request }) + "\n");
  try {
    for await (const line of readline.createInterface(socket)) yield JSON.parse(line);
  } catch (error) {
    // A broken connection is told by the lines ending before the last one came.
    if (!error.syscall) throw error;
  } finally {
    socket.destroy();
  }
}

// Packets are numbered without gaps, so a broken stream goes on where it broke off.
async function follow(id, onPacket) {
  let since = 0;
  for (let attempt = 0; attempt < 10; attempt++) {
    for await (const reply of ask({ follow_stream: id, since })) {
      if (reply.error?.type === "shutting_down") break;
      if (!("packet" in reply)) return reply;
      onPacket(reply.data);
      since = reply.packet + 1;
      attempt = 0;
    }
    await new Promise((wake) => setTimeout(wake, 100 * 2 ** Math.min(attempt, 5)));
  }
  return null;
}

async function main() {
  if (!procedure) return 2;
  const call = { host, procedure, arguments: JSON.parse(text) };
  const { value: reply } = await ask(call).next();
  if (!reply?.job_id) return console.error(reply ?? "no dispatcher"), reply ? 3 : 7;

  const end = await follow(reply.job_id, (data) => console.log("packet", data));
  if (end === null) return console.error("no dispatcher"), 7;
  if ("result" in end) return console.log("result", end.result), 0;
  return console.error(end), 1;
}

main().then((status) => (process.exitCode = status));
