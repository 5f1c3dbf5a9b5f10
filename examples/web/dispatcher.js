// The dispatcher by WebSocket, for web pages: each message is one request or reply.
// harpcaller-protocol(7). The page's own address has to be in [websocket] origins.
"use strict";

class Dispatcher {
  constructor(url) {
    this.url = url;
  }

  // One connection for each request, closed when its reader has enough; every reply
  // comes out as a value.
  async *ask(request) {
    const socket = new WebSocket(this.url);
    const replies = [];
    let isOver = false;
    let wake = () => {};
    socket.onopen = () => socket.send(JSON.stringify({ harpcaller: 1, ...request }));
    socket.onmessage = (message) => {
      replies.push(JSON.parse(message.data));
      wake();
    };
    socket.onerror = () => {}; // what follows is a close
    socket.onclose = () => {
      isOver = true;
      wake();
    };
    try {
      while (true) {
        while (replies.length) yield replies.shift();
        if (isOver) return;
        await new Promise((resolve) => (wake = resolve));
      }
    } finally {
      socket.close();
    }
  }

  // The id of a new job. With a key it may be asked again: it is the same job.
  async call(host, procedure, args, key = undefined) {
    for await (const reply of this.ask({ host, procedure, arguments: args, key })) {
      if (reply.job_id) return reply.job_id;
      throw new Error(reply.error.message);
    }
    throw new Error("no dispatcher");
  }

  // How a job ended. Packets are numbered without gaps: a broken stream goes on where
  // it broke off.
  async follow(id, onPacket) {
    let since = 0;
    for (let attempt = 0; attempt < 10; attempt++) {
      for await (const reply of this.ask({ follow_stream: id, since })) {
        if (reply.error?.type === "shutting_down") break;
        if (!("packet" in reply)) return reply;
        onPacket(reply.data);
        since = reply.packet + 1;
        attempt = 0;
      }
      await new Promise((go) => setTimeout(go, 100 * 2 ** Math.min(attempt, 5)));
    }
    throw new Error("no dispatcher");
  }
}

globalThis.Dispatcher = Dispatcher;
