import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from './browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './dev-server.ts';
import { FaultProxy } from './fault-proxy.ts';

/** A host's site with the elements on its pages: a real API behind it, a real browser in front of it. */

/** The host's session route. */
export const SESSION_PATH = '/api/billingos-session';
export const POLL = { timeout: 10_000, interval: 20 };

export interface OpenPage {
  readonly page: Page;
  /** What the browser's console complained of, and scripts that failed. */
  readonly complaints: readonly string[];
  /** What the page's policy blocked. */
  readonly violations: () => Promise<string[]>;
}

export interface PageOptions {
  headers?: Readonly<Record<string, string>>;
  /** Runs before any script of the page's own. */
  before?: () => void;
  context?: BrowserContext;
}

declare global {
  interface Window {
    violations: string[];
    /** How much has moved on the page without the person's doing, by Chromium's own measure. */
    shiftScore: number;
  }
}

interface LayoutShift extends PerformanceEntry {
  readonly value: number;
}

export class Site {
  /** Who is logged in at the host. */
  user = 'anna';
  /** The session route answers after this. */
  sessionAfter: Promise<unknown> = Promise.resolve();
  sessions = 0;
  readonly #folder: ReturnType<typeof temporaryFolder>;
  readonly browser: Browser;
  readonly api: DevProcess;
  readonly host: FaultProxy;

  private constructor(parts: {
    folder: ReturnType<typeof temporaryFolder>;
    browser: Browser;
    api: DevProcess;
    host: FaultProxy;
  }) {
    this.#folder = parts.folder;
    this.browser = parts.browser;
    this.api = parts.api;
    this.host = parts.host;
    this.serve('/favicon.ico', 'image/x-icon', '');
    this.host.hostRoutes.set(SESSION_PATH, async () => {
      this.sessions += 1;
      await this.sessionAfter;
      const { text } = await this.api.post('/v1/session-tokens', { externalUserId: this.user });
      return { type: 'application/json', body: text };
    });
  }

  static async start(): Promise<Site> {
    const folder = temporaryFolder();
    const [browser, api] = await Promise.all([launchBrowser(), startDevProcess(folder.path)]);
    return new Site({ folder, browser, api, host: await FaultProxy.start(api.url) });
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.host.stop();
    await this.api.stop();
    this.#folder.remove();
  }

  /** Serves a file of the host's. */
  serve(path: string, type: string, body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.host.hostRoutes.set(path, () => ({ type, body, headers }));
  }

  /** Uses up so much of whoever is logged in. */
  async track(featureKey: string, quantity: number): Promise<void> {
    const body = { customer_id: this.user, feature_key: featureKey, quantity };
    const { status, text } = await this.api.post('/v1/usage/track', body);
    if (status !== 201) throw new Error(text);
  }

  /** Opens a page with this markup, as a visitor who was never here before. */
  async open(markup: string, { headers = {}, before, context }: PageOptions = {}): Promise<OpenPage> {
    this.serve(
      '/page',
      'text/html; charset=utf-8',
      `<!doctype html><html lang="en"><title>Host</title>${markup}`,
      headers,
    );
    const visitor = context ?? (await this.browser.newContext());
    const page = await visitor.newPage();
    page.setDefaultTimeout(POLL.timeout);
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.addInitScript(record);
    if (before !== undefined) await page.addInitScript(before);
    await page.goto(`${this.host.url}/page`);
    return { page, complaints, violations: () => page.evaluate(() => window.violations) };
  }
}

/** In the page: keeps what its policy blocks and what moves. */
function record(): void {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
  });
  window.shiftScore = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as LayoutShift[]) window.shiftScore += entry.value;
  });
  observer.observe({ type: 'layout-shift', buffered: true });
}

/** Two frames: what is drawn in the first is on screen, and measured, in the second. */
export function painted(page: Page): Promise<void> {
  return page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)));
      }),
  );
}
