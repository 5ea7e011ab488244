-- What creating one order writes, as anybody would write it by hand: three inserts in one transaction.
\set n random(1, 2000000000)
BEGIN;
INSERT INTO idempotency_keys (merchant_id, method, key, fingerprint, resource_id, response, create_time)
    VALUES (gen_random_uuid(), '/fusionx.order.v1.OrderService/CreateOrder', 'bench-' || :n,
            decode(repeat('ab', 32), 'hex'), gen_random_uuid(), decode(repeat('ab', 160), 'hex'), now());
INSERT INTO orders (order_id, merchant_id, merchant_order_id, amount_minor, currency, status, description, metadata,
                    version, create_time, update_time, expire_time)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'order-' || :n, 1200, 'EUR', 'NEW', 'A pair of shoes',
            jsonb_build_object('cart', 'cart-' || :n), 1, now(), now(), now());
INSERT INTO outbox (event_id, aggregate_id, subject, payload, create_time)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'fusionx.order.v1.created', decode(repeat('ab', 400), 'hex'), now());
COMMIT;
