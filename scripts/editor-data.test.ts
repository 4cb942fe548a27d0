import { describe, expect, test } from 'vitest';
import { htmlCustomData, type Manifest, unionsIn, webTypes } from './editor-data.ts';
import { tokensSheet } from './tokens-sheet.ts';

const manifest: Manifest = {
  modules: [
    { path: 'src/helpers.ts', declarations: [{}] },
    {
      path: 'src/lamp.ts',
      declarations: [
        {
          tagName: 'my-lamp',
          description: 'Shines.',
          attributes: [
            { name: 'color', description: 'Which.', type: { text: 'Color | undefined' } },
            { name: 'on', description: 'Whether.', type: { text: 'boolean' } },
            { name: 'watts', description: 'How much.', type: { text: 'number | null | undefined' } },
          ],
          members: [
            {
              kind: 'field',
              name: 'bulb',
              description: 'What shines.',
              type: { text: 'Bulb' },
              privacy: 'public',
            },
            { kind: 'field', name: '#wire', description: 'What conducts.', privacy: 'private' },
            { kind: 'method', name: 'burn', description: 'Shines.' },
          ],
          events: [{ name: 'lamp-on', description: 'It went on.', type: { text: 'LampEvent' } }],
        },
      ],
    },
  ],
};
const unions = new Map(
  unionsIn("export type Color =\n  | 'red'\n  | 'green';\nexport type Other = string;\n"),
);

describe('the data for VS Code', () => {
  const { tags } = htmlCustomData(manifest, unions) as { tags: object[] };

  test('has every element, with the values its attributes take', () => {
    expect(tags).toEqual([
      {
        name: 'my-lamp',
        description: 'Shines.',
        attributes: [
          { name: 'color', description: 'Which.', values: [{ name: 'red' }, { name: 'green' }] },
          { name: 'on', description: 'Whether.', valueSet: 'v' },
          { name: 'watts', description: 'How much.' },
        ],
      },
    ]);
  });
});

describe('the web types', () => {
  const types = webTypes(manifest, unions, { name: 'lamps', version: '1.0.0' }) as {
    name: string;
    contributions: { html: { elements: Record<string, unknown>[] } };
  };
  const [lamp] = types.contributions.html.elements;

  test('name the type of every attribute', () => {
    expect(lamp).toHaveProperty('attributes.0.value', { type: "'red' | 'green'" });
    expect(lamp).toHaveProperty('attributes.1.value', { kind: 'no-value' });
    expect(lamp).toHaveProperty('attributes.2.value', { type: 'number' });
  });

  test('have the public fields and events', () => {
    expect(lamp).toHaveProperty('js.properties', [
      { name: 'bulb', description: 'What shines.', type: 'Bulb' },
    ]);
    expect(lamp).toHaveProperty('js.events', [
      { name: 'lamp-on', description: 'It went on.', type: 'LampEvent' },
    ]);
  });
});

describe('the sheet of design tokens', () => {
  test('has the fallback of every token, brackets and all', () => {
    const css =
      'a { color: var(--billing-color-text, light-dark(oklch(0 0 0), #fff)); font: var(--billing-font, inherit) }';
    expect(tokensSheet('Generated.', css)).toContain(
      '{\n  --billing-color-text: light-dark(oklch(0 0 0), #fff);\n  /* --billing-font: inherit */\n}',
    );
  });
});
