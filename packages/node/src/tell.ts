/** Calls a function of the host's, whose own failure is not allowed to become ours. */
export function tell(callback: () => void): void {
  try {
    callback();
  } catch {
    // There is nobody left to tell.
  }
}
