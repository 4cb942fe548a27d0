import { BillingOS, isBillingOSError } from '@billingos/node';
import express from 'express';

const billing = new BillingOS();
const app = express();

/** Your own API keys, and the customers they belong to. */
const customers = new Map([['acme-key', 'user_123']]);

app.use((request, response, next) => {
  const [, key] = request.get('Authorization')?.split(' ') ?? [];
  response.locals.customerId = customers.get(key);
  if (response.locals.customerId) next();
  else problem(response, 401, 'Send your API key as a bearer token.');
});

/** Counts the request before its route runs: over the limit, it does not run. */
function meter(featureKey) {
  return async (request, response, next) => {
    await billing.trackUsage({
      customerId: response.locals.customerId,
      featureKey,
      quantity: 1,
      idempotencyKey: request.get('Idempotency-Key'), // a repeated request counts once
    });
    next();
  };
}

app.get('/v1/rates/:currency', meter('api_calls'), (request, response) => {
  response.json({ base: 'USD', currency: request.params.currency, rate: 0.92 });
});

app.get('/v1/usage', async (request, response) => {
  response.json(await billing.getUsageMetrics(response.locals.customerId));
});

app.use((error, request, response, next) => {
  if (isBillingOSError(error, 'QuotaExceededError')) problem(response, 402, error.message);
  else if (isBillingOSError(error, 'ValidationError')) problem(response, 422, error.message);
  else next(error);
});

/** RFC 9457. */
function problem(response, status, title) {
  response.status(status).type('application/problem+json').send(JSON.stringify({ status, title }));
}

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}`);
});
