/** Inputs that take no text. */
const NOT_TYPED = new Set([
  'button',
  'checkbox',
  'color',
  'file',
  'image',
  'radio',
  'range',
  'reset',
  'submit',
]);

/** Whether the person is in the middle of typing, in a field here or, as far as one can know, in a frame. */
export function isTyping(): boolean {
  const focused = deepActiveElement();
  if (focused instanceof HTMLInputElement) return !NOT_TYPED.has(focused.type);
  if (focused instanceof HTMLTextAreaElement || focused instanceof HTMLIFrameElement) return true;
  return focused instanceof HTMLElement && focused.isContentEditable;
}

function deepActiveElement(): Element | null {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused;
}
