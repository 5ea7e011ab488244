// FusionXPay for Node: payments over REST, safe to repeat.
import { Resources } from "./surface.js";
import { Transport } from "./transport.js";

export { FusionXPayError, StatusUnreachableError, WaitTimeoutError } from "./errors.js";
export { WebhookVerificationError, verifyWebhook } from "./webhooks.js";

/** A client; one is enough for a process. */
export class FusionXPay extends Resources {
  constructor(apiKey, baseUrl, options = {}) {
    super(new Transport(apiKey, baseUrl, options));
  }
}
