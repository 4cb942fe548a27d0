import type { ArgTypesEnhancer, InputType } from 'storybook/internal/types';
import { type Decorator, type Preview, setCustomElementsManifest } from '@storybook/web-components-vite';
import { html } from 'lit';
import { configure } from 'storybook/test';
import manifest from '../custom-elements.json' with { type: 'json' };
import '../src/elements/define.ts';
import { apiOf } from '../stories/support/mounted-api.ts';
import './preview.css';

/** Languages with a catalogue, by their own names. */
const LOCALES = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', ja: '日本語', ar: 'العربية' };
/** How long a story's play waits for what it expects: machines are shared. */
const WAIT_MAX_MS = 5_000;
const WIDTHS = { full: 'Full width', '640px': '640 px', '360px': '360 px', '240px': '240 px' };

setCustomElementsManifest(publicManifest());
configure({ asyncUtilTimeout: WAIT_MAX_MS });

/**
 * Controls are attributes: the class members repeat them under their property names, and slots and parts are named
 * by what they are, for they share names with attributes.
 */
function publicManifest(): object {
  const modules = (manifest.modules as Module[]).map(({ declarations, ...module }) => ({
    ...module,
    declarations: declarations.map(({ slots = [], cssParts = [], ...declaration }) => ({
      ...declaration,
      members: [],
      slots: slots.map((slot) => ({ ...slot, name: slot.name && `slot="${slot.name}"` })),
      cssParts: cssParts.map((part) => ({ ...part, name: `::part(${part.name})` })),
    })),
  }));
  return { ...manifest, modules };
}

interface Module {
  declarations: { slots?: { name: string }[]; cssParts?: { name: string }[] }[];
}

/** The manifest has types as text, which Storybook does not read. */
const readTypes: ArgTypesEnhancer = ({ argTypes }) => {
  for (const argType of Object.values(argTypes)) Object.assign(argType, controlOf(argType));
  return argTypes;
};

function controlOf({ type }: { type?: { name: string } }): InputType {
  const name = type?.name ?? '';
  const choices = Array.from(name.matchAll(/'(\w+)'/g), ([, choice]) => choice);
  if (choices.length > 0) return { control: { type: 'select' }, options: choices };
  if (name.startsWith('number')) return { control: { type: 'number' } };
  if (name.startsWith('boolean')) return { control: { type: 'boolean' } };
  return name.startsWith('string') ? { control: { type: 'text' } } : {};
}

/** Theme, language, direction and width of the page, as the toolbar has them. */
const onPage: Decorator = (story, { globals }) => {
  const { theme, locale, direction, width } = globals as Record<string, string>;
  const { documentElement: page } = document;
  page.dataset['theme'] = theme;
  page.lang = locale ?? 'en';
  page.dir = direction === 'auto' ? (locale === 'ar' ? 'rtl' : 'ltr') : (direction ?? 'ltr');
  page.style.setProperty('--story-width', width === 'full' ? 'none' : (width ?? 'none'));
  return story();
};

/** The story's own API, where it has one, behind a provider as on any page. */
const withApi: Decorator = (story, context) => {
  const api = apiOf(context);
  return api === undefined
    ? html`${story()}`
    : html`<billing-provider .store=${api.store}>${story()}</billing-provider>`;
};

const toolbar = (
  title: string,
  icon: 'mirror' | 'globe' | 'transfer' | 'grow',
  items: Record<string, string>,
) => ({
  description: title,
  toolbar: {
    title,
    icon,
    dynamicTitle: true,
    items: Object.entries(items).map(([value, name]) => ({ value, title: name })),
  },
});

const preview: Preview = {
  decorators: [withApi, onPage],
  // A story that is finished shows its numbers, also without a play of its own.
  afterEach: (context) => apiOf(context)?.settled(),
  tags: ['autodocs'],
  argTypesEnhancers: [readTypes],
  initialGlobals: { theme: 'auto', locale: 'en', direction: 'auto', width: 'full' },
  globalTypes: {
    theme: toolbar('Theme', 'mirror', { auto: 'Auto', light: 'Light', dark: 'Dark' }),
    locale: toolbar('Language', 'globe', LOCALES),
    direction: toolbar('Direction', 'transfer', {
      auto: 'By language',
      ltr: 'Left to right',
      rtl: 'Right to left',
    }),
    width: toolbar('Width', 'grow', WIDTHS),
  },
  parameters: {
    a11y: { test: 'error' },
    backgrounds: { disable: true },
    viewport: { disable: true },
    layout: 'padded',
    options: { storySort: { order: ['Elements', 'Pages', ['Composing', 'Theming', 'Design review']] } },
  },
};

export default preview;
