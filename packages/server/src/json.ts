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
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  let members = '';
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${toJson(member)}`;
  }
  return `{${members}}`;
}
