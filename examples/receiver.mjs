// Receives webhooks: verifies them, takes each once, answers before it works.
//
//     npm install standardwebhooks
//     WEBHOOK_SECRET=whsec_… node examples/receiver.mjs 3000
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const LARGEST_BODY = 1 << 20;
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
// Yours belongs into your database, and is written with what the event changes in one transaction. What is only in
// memory when a process dies is lost: once answered, an event is not sent again by itself.
const seen = new Set();

// Do what the event is for; here it is only printed.
function handle(event) {
  console.log(event.type, event.id);
}

async function bodyOf(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > LARGEST_BODY) throw new Error("the body is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

createServer(async (request, response) => {
  try {
    const event = webhook.verify(await bodyOf(request), request.headers);
    if (!seen.has(event.id)) {
      seen.add(event.id);
      setImmediate(handle, event);
    }
    response.writeHead(204).end();
  } catch (error) {
    console.error("refused:", error.message);
    response.writeHead(400).end();
  }
}).listen(Number(process.argv[2]), "127.0.0.1");
