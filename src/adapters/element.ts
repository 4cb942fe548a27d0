/** What an adapter must know of an element, generated from the manifest. */
export interface ElementDescription {
  readonly tag: string;
  /** The attribute of every plain prop. `!hide-reset`: the attribute is set where the prop is `false`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Props that are objects, set on the element under the same name. */
  readonly properties: readonly string[];
  /** The event behind every callback, and the member of its detail that the callback gets before the event. */
  readonly callbacks: Readonly<Record<string, readonly [event: keyof HTMLElementEventMap, member?: string]>>;
  /** Whether it sets an attribute by itself. */
  readonly reflects: boolean;
}

export type Props = Readonly<Record<string, unknown>>;
export type Attributes = Record<string, string | number | true>;

/**
 * The attributes of these props. A boolean one is `true` or left out: what frameworks make of `false` differs, and
 * `compact="false"` would be compact.
 */
export function attributesOf({ attributes }: ElementDescription, props: Props): Attributes {
  const result: Attributes = {};
  for (const [prop, target] of Object.entries(attributes)) {
    const value = props[prop];
    const isOpposite = target.startsWith('!');
    if (isOpposite && value === false) result[target.slice(1)] = true;
    if (!isOpposite && isAttribute(value)) result[target] = value;
  }
  return result;
}

/** Calls back on every event of the element's own, by the props of that moment. Returns the way to stop. */
export function listenTo(
  { callbacks }: ElementDescription,
  element: HTMLElement,
  call: (callback: string, ...parts: unknown[]) => void,
): () => void {
  const listening = new AbortController();
  for (const [callback, [type, member]] of Object.entries(callbacks)) {
    const listener = (event: Event) => {
      // Some bubble: what is put inside an element may fire the same.
      if (event.target !== element) return;
      const { detail } = event as CustomEvent<Props>;
      call(callback, ...(member === undefined ? [] : [detail[member]]), event);
    };
    element.addEventListener(type, listener, { signal: listening.signal });
  }
  return () => listening.abort();
}

function isAttribute(value: unknown): value is Attributes[string] {
  return typeof value === 'string' || typeof value === 'number' || value === true;
}
