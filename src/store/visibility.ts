/** Whether anybody can see the page, injected because the store knows no page. */
export interface PageVisibility {
  readonly hidden: boolean;
  /**
   * Calls `listener` when `hidden` may have changed, and when somebody is back (focus, online): the store then
   * tries again what it had given up. Returns the way out.
   */
  subscribe(listener: () => void): () => void;
}
