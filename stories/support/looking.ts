import { expect, waitFor } from 'storybook/test';

/** The only element of a kind in a story. */
export function elementIn<Tag extends keyof HTMLElementTagNameMap>(
  canvas: HTMLElement,
  tag: Tag,
): HTMLElementTagNameMap[Tag] {
  const found = canvas.querySelector(tag);
  if (found === null) throw new Error(`There is no <${tag}>.`);
  return found;
}

/** A part of an element, by selector, as soon as it is drawn. */
export async function partOf(element: HTMLElement, selector: string): Promise<HTMLElement> {
  await waitFor(() => expect(element.shadowRoot?.querySelector(selector) ?? null).not.toBeNull());
  return element.shadowRoot?.querySelector<HTMLElement>(selector) ?? element;
}

/** Waits until an element reads so. */
export async function expectText(element: HTMLElement, selector: string, text: string): Promise<void> {
  await waitFor(() =>
    expect(wordsOf(element.shadowRoot?.querySelector(selector)?.textContent ?? '')).toContain(text),
  );
}

/** Waits until nothing of an element is there, such as of a nudge that was put away. */
export async function expectGone(element: HTMLElement, selector: string): Promise<void> {
  await waitFor(() => expect(element.shadowRoot?.querySelector(selector) ?? null).toBeNull());
}

/** Waits until a `:state()` holds. */
export async function expectState(element: HTMLElement, state: string): Promise<void> {
  await waitFor(() => expect(element.matches(`:state(${state})`)).toBe(true));
}

function wordsOf(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
