import fc from 'fast-check';

/** What may never be read or heard: a value that went through unlooked at. */
const LEAKED = /NaN|undefined|null|Infinity|∞|\[object/;

/** Numbers as hosts get them wrong: none, negative, tiny, huge, fractional, as text, or no number at all. */
export const anyNumber: fc.Arbitrary<unknown> = fc.oneof(
  fc.double(),
  fc.integer({ min: -5, max: 2000 }),
  fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -0, 1e21, Number.MAX_VALUE, Number.MIN_VALUE),
  fc.constantFrom('', ' ', 'lots', '12', '1e400', '-3', '0x1f', true, {}, [], 12n),
);

export const anyUnit: fc.Arbitrary<unknown> = fc.constantFrom(
  ...['byte', 'kb', 'mb', 'GB', 'tb', 'call', '', 'constructor', '__proto__'],
  ...[null, undefined, 5],
);

/** Everything of an element that a person reads or hears and that is drawn, with what is wrong in it. */
export function leaksOf(element: Element): string[] {
  const nodes = [...(element.shadowRoot?.querySelectorAll('*') ?? [])];
  const texts = nodes.flatMap((node) => [...node.childNodes].filter(isText).map((text) => text.data));
  const attributes = nodes.flatMap((node) => [...node.attributes].map(({ value }) => value));
  return [...texts, ...attributes, ...nodes.flatMap(metersWrong)].filter((text) => LEAKED.test(text));
}

function isText(node: Node): node is Text {
  return node instanceof Text;
}

/** A meter lies between its ends, which differ, and says a value. Empty when all is well. */
function metersWrong(node: Element): string[] {
  if (node.getAttribute('role') !== 'meter') return [];
  const end = (name: string) => Number(node.getAttribute(`aria-value${name}`));
  const isRange = end('min') === 0 && end('max') > 0 && end('max') < Infinity;
  const isMeter = isRange && end('now') >= 0 && end('now') <= end('max');
  return isMeter && node.getAttribute('aria-valuetext') !== '' ? [] : [`NaN: ${node.outerHTML}`];
}
