import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type PluginOption, type Rolldown } from 'vite';
import { launchBrowser } from './browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './dev-server.ts';
import { FaultProxy } from './fault-proxy.ts';

/** Applications that use the packages, built by Vite and served by a host beside the real API. */

/** What Vite makes of a project: the modules of the page, and what the server renders of a scene. */
export interface BuiltApp {
  readonly files: ReadonlyMap<string, string>;
  render(scene: string): string | Promise<string>;
}

/** Builds `src/client` and `src/render` for development, where frameworks tell what they do not like. */
export async function buildApp(
  project: string,
  { extension = 'tsx', plugins = [] }: { extension?: string; plugins?: PluginOption[] } = {},
): Promise<BuiltApp> {
  const common = {
    ...({ configFile: false, root: project, logLevel: 'error', mode: 'development', plugins } as const),
    oxc: { jsx: { runtime: 'automatic', development: false } },
  } as const;
  const page = await build({
    ...common,
    // The framework's warnings are wanted, Lit's greeting is not.
    resolve: { conditions: ['module', 'browser', 'production'] },
    define: { 'process.env.NODE_ENV': '"development"' },
    build: {
      write: false,
      minify: false,
      rolldownOptions: {
        input: join(project, `src/client.${extension}`),
        output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  });
  await build({
    ...common,
    build: {
      ssr: `src/render.${extension}`,
      outDir: 'server',
      rolldownOptions: { output: { entryFileNames: 'render.mjs' } },
    },
  });
  const { render } = (await import(pathToFileURL(join(project, 'server/render.mjs')).href)) as Pick<
    BuiltApp,
    'render'
  >;
  const chunks = (page as Rolldown.RolldownOutput).output.filter((file) => file.type === 'chunk');
  return { files: new Map(chunks.map(({ fileName, code }) => [`/${fileName}`, code])), render };
}

interface Catalog {
  features: object[];
  products: { id: string; features: object[] }[];
}

/** A host with the application, the API behind it, and a browser; every visit is another customer's. */
export class AppBench {
  readonly api: DevProcess;
  readonly host: FaultProxy;
  /** Who is signed in. */
  customerId = '';
  /** Session tokens that the host gave to the present customer. */
  sessions = 0;
  /** What the present page complained of. */
  complaints: string[] = [];
  readonly #browser: Browser;
  readonly #data: ReturnType<typeof temporaryFolder>;
  readonly #app: BuiltApp;
  #visits = 0;

  private constructor(parts: {
    api: DevProcess;
    host: FaultProxy;
    browser: Browser;
    data: ReturnType<typeof temporaryFolder>;
    app: BuiltApp;
  }) {
    this.api = parts.api;
    this.host = parts.host;
    this.#browser = parts.browser;
    this.#data = parts.data;
    this.#app = parts.app;
    for (const [path, code] of parts.app.files)
      this.host.hostRoutes.set(path, () => ({ type: 'text/javascript', body: code }));
    this.host.hostRoutes.set('/api/billingos-session', async () => {
      this.sessions += 1;
      const { body } = await this.api.post('/v1/session-tokens', { externalUserId: this.customerId });
      return { type: 'application/json', body: JSON.stringify({ ...body, apiUrl: this.host.url }) };
    });
  }

  static async start(app: BuiltApp): Promise<AppBench> {
    const data = temporaryFolder();
    const api = await startDevProcess(data.path);
    const host = await FaultProxy.start(api.url);
    return new AppBench({ api, host, browser: await launchBrowser(), data, app });
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await this.host.stop();
    await this.api.stop();
    this.#data.remove();
  }

  /**
   * Opens the application as a new customer: drawn by the page alone, or rendered by the server and hydrated. What is
   * `allowed` may stand in the console, for the test provokes it.
   */
  async visit(mode: 'client' | 'hydrated', scene = '', allowed?: RegExp): Promise<Page> {
    this.#visits += 1;
    this.customerId = `user_${this.#visits}`;
    this.sessions = 0;
    this.complaints = [];
    this.host.tracked.length = 0;
    const markup = mode === 'hydrated' ? await this.#app.render(scene) : '';
    this.host.hostRoutes.set('/page', () => ({
      type: 'text/html',
      body: `<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,">
<input type="file" id="fileInput" hidden><div id="root">${markup}</div>
<script type="module" src="/client.js"></script></html>`,
    }));
    const context = await this.#browser.newContext({ locale: 'en-US' });
    const page = await context.newPage();
    page.on('console', (entry) => {
      const isComplaint = entry.type() === 'error' || entry.type() === 'warning';
      if (isComplaint && !allowed?.test(entry.text())) this.complaints.push(entry.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    await page.goto(`${this.host.url}/page?${scene}`);
    return page;
  }

  /** Gives a product a feature that one has or has not. */
  async addFlag(featureKey: string, productId: string): Promise<void> {
    const { body } = await this.api.get('/v1/catalog');
    const catalog = body as unknown as Catalog;
    catalog.features.push({ key: featureKey, title: featureKey, type: 'boolean_flag' });
    for (const { id, features } of catalog.products)
      if (id === productId) features.push({ feature: featureKey });
    const reply = await fetch(`${this.api.url}/v1/catalog`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${this.api.secretKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(catalog),
    });
    if (!reply.ok) throw new Error(await reply.text());
  }

  /** Puts the customer on the better plan. */
  async upgrade(): Promise<void> {
    const { body } = await this.api.get(`/v1/customers/external/${this.customerId}`);
    await this.api.post('/v1/subscriptions', { customer_id: body['id'], price_id: 'price_pro_month' });
  }

  /** Tracks from the host's server. */
  async track(featureKey: string, quantity: number): Promise<void> {
    await this.api.post('/v1/usage/track', {
      customer_id: this.customerId,
      feature_key: featureKey,
      quantity,
    });
  }

  consumed(featureKey: string): Promise<unknown> {
    return consumed(this.api, this.customerId, featureKey);
  }
}

/** What the API has counted. */
export async function consumed(api: DevProcess, customerId: string, featureKey: string): Promise<unknown> {
  const { body } = await api.get(`/v1/usage/metrics?customer_id=${customerId}&feature_key=${featureKey}`);
  const [metric] = body['metrics'] as { consumed: number }[];
  return metric?.consumed;
}
