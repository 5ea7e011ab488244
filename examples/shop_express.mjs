// A shop in Express: it sells one thing, has it paid on the provider's page, and sends it when the webhook says paid.
//
//     npm install express fusionxpay
//     KEY=sk_test_… GATEWAY=http://127.0.0.1:8080 WEBHOOK_SECRET=whsec_… node examples/shop_express.mjs 3000
import express from "express";
import { FusionXPay, verifyWebhook } from "fusionxpay";

const client = new FusionXPay(process.env.KEY, process.env.GATEWAY);
// Yours belong into your database: an event is noted in the transaction that does what it is for.
const seen = new Set();
const sent = [];
const app = express();

// Makes the order of a cart, once however often the button is pressed, and sends the customer to pay it.
app.post("/buy/:cart", async (request, response) => {
  const { cart } = request.params;
  const order = await client.orders.create(
    { amount: { value: "12.00", currency: "EUR" }, merchant_order_id: cart },
    { idempotencyKey: `order-${cart}` },
  );
  const return_url = `${request.protocol}://${request.headers.host}/orders/{ORDER_ID}`;
  // the same page however often the button is pressed, and another one once the payment before has failed
  let tries = 0;
  for await (const _ of client.payments.list({ order_id: order.order_id, statuses: ["FAILED", "CANCELLED"] })) tries++;
  const payment = await client.payments.create(
    { order_id: order.order_id, provider: "stripe", return_url },
    { idempotencyKey: `payment-${cart}-${tries}` },
  );
  response.redirect(303, payment.redirect_url);
});

// Shows the customer who comes back how it stands: the address proves nothing, so the order is asked for.
app.get("/orders/:id", async (request, response) => {
  const order = await client.orders.get(request.params.id);
  response.type("text").send(order.status === "SUCCESS" ? "Thank you!" : `Your order is ${order.status}.`);
});

// Takes an event: on the body as it came (no express.json() before it), each once, answered before long work.
app.post("/webhooks", express.raw({ type: "application/json" }), (request, response) => {
  let event;
  try {
    event = verifyWebhook(process.env.WEBHOOK_SECRET, request.body, request.headers);
  } catch {
    return response.sendStatus(400);
  }
  if (!seen.has(event.id)) {
    seen.add(event.id);
    if (event.type === "order.succeeded") sent.push(event.data.order.merchant_order_id);
  }
  response.sendStatus(204);
});

// The carts whose goods are on their way.
app.get("/sent", (_, response) => response.json(sent));

app.listen(Number(process.argv[2]), "127.0.0.1");
