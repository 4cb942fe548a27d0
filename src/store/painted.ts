/** A frame takes longer than this only where none is painted, such as in a hidden page. */
const FRAME_WAIT_MS = 200;

/** Resolves once what is shown now has been painted, or will not be: what nobody sees yet is loaded after that. */
export function painted(): Promise<void> {
  const { requestAnimationFrame } = globalThis as Partial<typeof globalThis>;
  if (requestAnimationFrame === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    // A frame's callbacks run before it is painted.
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, FRAME_WAIT_MS);
  });
}
