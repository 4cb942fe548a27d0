import { onServer } from './environment.ts';

/** How often what depends on the time is drawn again; Lit touches no text that stays the same. */
const TICK_MS = 60_000;

/** Something that says how many days are left. One timer serves all of the page, and only while there are any. */
interface Dated {
  requestUpdate(): void;
}

const dated = new Set<Dated>();
let timer: ReturnType<typeof setTimeout> | undefined;

export function keepCurrent(element: Dated): void {
  if (onServer) return;
  dated.add(element);
  timer ??= setTimeout(tick, TICK_MS);
}

export function keepCurrentNoMore(element: Dated): void {
  dated.delete(element);
  if (dated.size > 0) return;
  clearTimeout(timer);
  timer = undefined;
}

function tick(): void {
  timer = setTimeout(tick, TICK_MS);
  if (document.hidden) return;
  for (const element of dated) element.requestUpdate();
}
