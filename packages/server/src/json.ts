/**
 * JSON that is printed as it is: the text of a number, because quantities are 64-bit scaled integers and a JavaScript
 * number would round them on the way out, or a part of a long document that was printed before.
 */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON text of plain data in which numbers may be {@link RawJson}. Members that are `undefined` are left out. */
export function toJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  let members = '';
  // By keys and not by entries, which are an array each.
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined) members += labelOf(name) + toJson(member);
  }
  // Without its first comma; the cut also makes one text of the many pieces, which live longer than this function.
  return `{${members.slice(1)}}`;
}

/** `,"name":` of members printed before: documents have few and short names, metadata may have any number and length. */
const labels = new Map<string, string>();
const LABELS_MAX = 1_000;
const LABEL_CHARS_MAX = 64;

function labelOf(name: string): string {
  let label = labels.get(name);
  if (label === undefined) {
    label = `,${quoted(name)}:`;
    if (labels.size < LABELS_MAX && label.length <= LABEL_CHARS_MAX) labels.set(name, label);
  }
  return label;
}

/** Nothing to escape. */
const PLAIN = /^[\w .:-]*$/;

/** Most names and texts are plain, and those are quoted in half the time. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
