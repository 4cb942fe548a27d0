/** A frame takes longer than this only where none is painted, such as in a hidden page. */
const FRAME_WAIT_MS = 200;

let tellFirst: () => void;

/** Resolves once a store of this page has shown what it read first. */
export const firstPicture = new Promise<void>((resolve) => (tellFirst = resolve));

/** Resolves once what a store has just read is painted, or will not be: what nobody sees yet is loaded after that. */
export async function painted(): Promise<void> {
  const { requestAnimationFrame } = globalThis as Partial<typeof globalThis>;
  if (requestAnimationFrame !== undefined) {
    await new Promise((resolve) => {
      // A frame's callbacks run before it is painted.
      requestAnimationFrame(() => setTimeout(resolve));
      setTimeout(resolve, FRAME_WAIT_MS);
    });
  }
  tellFirst();
}
