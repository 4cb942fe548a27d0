import type { LitElement } from 'lit';
// There from the start: two that ask for a module on its way are not served in turn.
import '../internal/conflict.ts';
import '../internal/connection-checks.ts';
import '../internal/warn-once.ts';
import '../usage-bar/checks.ts';

/** What a person reads in an element: no hidden text, white space as one. */
export function textOf(element: Element, selector = '.root'): string {
  const part = element.shadowRoot?.querySelector(selector)?.cloneNode(true);
  if (!(part instanceof Element)) return '';
  for (const hidden of part.querySelectorAll('.unseen')) hidden.remove();
  return part.textContent.replace(/\s+/g, ' ').trim();
}

export function find(element: Element, selector: string): HTMLElement | null {
  return element.shadowRoot?.querySelector<HTMLElement>(selector) ?? null;
}

/** Puts an element with these properties on the page, and waits until it is drawn. */
export async function mount<Made extends LitElement>(
  element: Made,
  properties: Partial<Made> = {},
  parent: Element = document.body,
): Promise<Made> {
  Object.assign(element, properties);
  parent.append(element);
  mounted.add(element);
  await element.updateComplete;
  return element;
}

/** Removes whatever tests left behind. */
export function cleanUp(): void {
  for (const element of mounted) element.remove();
  mounted.clear();
}

/** The texts an element had one after the other while `action` ran: what a screen reader hears of a live region. */
export async function changesOf(region: Element, action: () => Promise<void>): Promise<string[]> {
  const texts: string[] = [];
  const observer = new MutationObserver(() => texts.push(region.textContent));
  observer.observe(region, { subtree: true, childList: true, characterData: true });
  await action();
  // What is observed is told in a microtask of its own, behind those that wait already.
  await new Promise(requestAnimationFrame);
  observer.disconnect();
  return texts;
}

/* eslint-disable no-console -- it is the console that is looked at here */

/** Console warnings while `action` runs. Some come from modules that are loaded for them. */
export async function warningsOf(action: () => unknown): Promise<string[]> {
  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (...parts: unknown[]) => warnings.push(parts.join(' '));
  try {
    await action();
    await developmentChecks();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

/** Resolves after whoever has asked for the modules before; and their warnings come from one more. */
export async function developmentChecks(): Promise<void> {
  await Promise.all([
    import('../usage-bar/checks.ts'),
    import('../internal/conflict.ts'),
    import('../internal/connection-checks.ts'),
    import('../internal/message-checks.ts'),
  ]);
  await import('../internal/warn-once.ts');
}

const mounted = new Set<Element>();
