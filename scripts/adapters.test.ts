import { describe, expect, test } from 'vitest';
import { adapterFiles, addFrameworkFacts, colorDefaults } from './adapters.ts';
import type { Declaration } from './editor-data.ts';

const SOURCE = `
/**
 * @alias {unlit} !shines
 * @callback {lamp-on} onLit watts
 */
class BillingLamp {
  static properties = {
    unlit: { type: Boolean, reflect: true },
  };
}`;

function lamp(): Declaration {
  return {
    name: 'BillingLamp',
    tagName: 'my-lamp',
    description: 'Shines,\nmostly.',
    attributes: [
      { name: 'unlit', description: 'Dark.', type: { text: 'boolean' }, fieldName: 'unlit' },
      {
        name: 'lamp-color',
        description: 'Which.',
        type: { text: 'Color | undefined' },
        fieldName: 'lampColor',
      },
    ],
    members: [{ kind: 'field', name: 'bulb', description: 'What shines.', type: { text: 'Bulb' } }],
    slots: [{ name: '' }, { name: 'shade' }],
    events: [
      { name: 'lamp-on', description: 'It went on.', type: { text: 'LampEvent' } },
      { name: 'lamp-hot', description: 'Nothing for frameworks.', type: { text: 'LampEvent' } },
    ],
  };
}

async function generated(): Promise<Map<string, string>> {
  const declaration = lamp();
  addFrameworkFacts(declaration, SOURCE);
  const manifest = { modules: [{ path: 'src/elements/lamp/lamp.ts', declarations: [declaration] }] };
  const files = await adapterFiles(manifest, new Map([['Color', ['red', 'green']]]), 'Made by a test.');
  return new Map(files.map(({ file, text }) => [file, text]));
}

describe('the generated adapters', () => {
  test('say first that they are generated', async () => {
    for (const text of (await generated()).values()) expect(text).toMatch(/^\/\/ Made by a test\.\n/);
  });

  test('describe the element to React by the names of its tags', async () => {
    const text = (await generated()).get('src/react/generated/lamp.ts');
    expect(text).toContain("attributes: { shines: '!unlit', lampColor: 'lamp-color' }");
    expect(text).toContain("properties: ['bulb']");
    expect(text).toContain("callbacks: { onLit: ['lamp-on', 'watts'] }");
    expect(text).toContain('reflects: true');
    expect(text).toContain("lampColor?: 'red' | 'green' | undefined;");
    expect(text).toContain("bulb?: BillingLamp['bulb'] | undefined;");
    expect(text).not.toContain('lamp-hot');
  });

  test('declare props, events and slots to Vue', async () => {
    const text = (await generated()).get('src/vue/generated/lamp.ts');
    expect(text).toContain('shines: { type: Boolean, default: undefined }');
    expect(text).toContain("emits: ['lit']");
    expect(text).toContain("'default' | 'shade'");
  });

  test('type the tag for JSX, with its attributes and its event', async () => {
    const text = (await generated()).get('src/jsx.ts');
    expect(text).toContain("'my-lamp': Common & LampAttributes;");
    expect(text).toContain("'my-lamp': ReactAttributes<BillingLamp> & LampAttributes;");
    expect(text).toContain("'lamp-color'?: 'red' | 'green' | undefined;");
    expect(text).toContain("'onlamp-on'?: ((event: LampEvent) => void) | undefined;");
  });
});

test('the default colours are taken from the design tokens, brackets and all', () => {
  const css = '--_ink: var(--billing-color-text, light-dark(oklch(0 0 0), #fff));';
  expect(colorDefaults('Made by a test.', css).text).toContain(
    "colorText: { light: 'oklch(0 0 0)', dark: '#fff' }",
  );
});
