import { ContextRoot } from '@lit/context';

let root: ContextRoot | undefined;

/** Keeps requests of consumers that upgrade before their provider, and repeats them when it arrives. */
export function attachContextRoot(): void {
  if (root !== undefined) return;
  root = new ContextRoot();
  // On the document, above the default store's provider: requests that one answers never get here.
  root.attach(document as unknown as HTMLElement);
}
