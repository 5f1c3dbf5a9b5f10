// Plays examples/web as a browser would: page.js ORIGIN NAME=VALUE..., on Node.js.
// The page is real but for its elements; what it shows is printed.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const [origin, ...fields] = process.argv.slice(2);
const values = Object.fromEntries(fields.map((one) => one.split(/=(.*)/s)));
const folder = path.join(__dirname, "..", "..", "examples", "web");

// As much of RFC 6455 as a page sees, where Node.js brings none.
class PlainWebSocket {
  constructor(url) {
    const { hostname, port } = new URL(url);
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Key": Buffer.from("0123456789abcdef").toString("base64"),
      "Sec-WebSocket-Version": "13",
      Origin: origin,
    };
    const request = http.get({ hostname, port, headers });
    request.on("upgrade", (_, socket, head) => this.open(socket, head));
    for (const event of ["response", "error"]) request.on(event, () => this.end());
  }

  open(socket, head) {
    this.socket = socket;
    this.data = head;
    socket.on("data", (data) => this.receive(Buffer.concat([this.data, data])));
    for (const event of ["end", "error"]) socket.on(event, () => this.end());
    this.onopen();
    this.receive(this.data);
  }

  receive(data) {
    while (data.length >= 2) {
      const isLong = data[1] === 126;
      const start = isLong ? 4 : 2;
      const size = isLong ? data.readUInt16BE(2) : data[1];
      if (data.length < start + size) break;
      const payload = data.subarray(start, start + size);
      if (data[0] === 0x81) this.onmessage({ data: payload.toString() });
      if (data[0] === 0x88) this.end();
      data = data.subarray(start + size);
    }
    this.data = data;
  }

  send(text) {
    const payload = Buffer.from(text);
    const head = Buffer.from([0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0]); // a mask of zeros
    head.writeUInt16BE(payload.length, 2);
    const short = Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]);
    this.socket.write(Buffer.concat([payload.length < 126 ? short : head, payload]));
  }

  close() {
    this.socket?.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  }

  end() {
    this.socket?.destroy();
    this.onclose();
  }
}

globalThis.WebSocket = PlainWebSocket;
const elements = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, { value }]),
);
const said = { textContent: "" };
const form = { elements, addEventListener: (_, act) => (form.submit = act) };
globalThis.document = { getElementById: (id) => (id === "call" ? form : said) };

for (const [, name] of fs
  .readFileSync(path.join(folder, "call.html"), "utf8")
  .matchAll(/src="(.*?)"/g)) {
  (0, eval)(fs.readFileSync(path.join(folder, name), "utf8"));
}
form.submit({ preventDefault() {} }).then(() => process.stdout.write(said.textContent));
