/**
 * Runs a task one at a time. Who asks while it runs gets a run that starts afterwards, shared with everybody else
 * who asked meanwhile: so what they get was read after they asked, and no crowd of readers ever forms.
 */
export function rerun(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  function start(): Promise<void> {
    next = undefined;
    running = task().finally(() => {
      running = undefined;
    });
    return running;
  }

  return () => {
    if (running === undefined) return start();
    next ??= running.then(start, start);
    return next;
  };
}
