import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { BillingOS, createSessionHandler, isBillingOSError } from '@billingos/node';

const billing = new BillingOS();
const userId = 'user_123'; // whoever is logged in

const file = (name, type) => async (_, response) =>
  response.setHeader('Content-Type', type).end(await readFile(new URL(name, import.meta.url)));

const routes = {
  'GET /': file('index.html', 'text/html'),
  'GET /style.css': file('style.css', 'text/css'),
  'GET /api/billingos-session': createSessionHandler({}, () => ({ userId })),
  'POST /api/reports': async (_, response) => {
    await billing.trackUsage({ customerId: userId, featureKey: 'api_calls', quantity: 1 });
    response.end('Your report is ready.');
  },
};

const server = createServer((request, response) => {
  const route = routes[`${request.method} ${request.url}`];
  if (route === undefined) return response.writeHead(404).end();
  return route(request, response).catch((error) => {
    const isUsedUp = isBillingOSError(error, 'QuotaExceededError');
    if (!isUsedUp) console.error(error);
    response
      .writeHead(isUsedUp ? 402 : 500)
      .end(isUsedUp ? 'Your API calls are used up.' : 'Try again later.');
  });
});
server.listen(process.env.PORT ?? 3000, () => console.log(`http://localhost:${server.address().port}`));
