'use client';

import type { Theme } from '../elements/internal/billing-element.ts';
import { colorDefaults } from './generated/color-defaults.ts';

/** Brand values of one colour scheme. */
export interface AppearanceValues {
  colorPrimary?: string | undefined;
  colorBackground?: string | undefined;
  colorText?: string | undefined;
  borderRadius?: string | undefined;
  fontFamily?: string | undefined;
}

export interface Appearance {
  /** `auto` follows the inherited `color-scheme`. */
  theme?: Theme | undefined;
  light?: AppearanceValues | undefined;
  dark?: AppearanceValues | undefined;
}

const COLORS = {
  colorPrimary: '--billing-color-primary',
  colorBackground: '--billing-color-background',
  colorText: '--billing-color-text',
} as const;

/** The elements' design tokens for an appearance. Only colours can differ between the schemes. */
export function tokensOf({ theme, light = {}, dark = {} }: Appearance): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [name, token] of Object.entries(COLORS)) {
    const key = name as keyof typeof COLORS;
    if (light[key] === undefined && dark[key] === undefined) continue;
    const both = {
      light: light[key] ?? colorDefaults[key].light,
      dark: dark[key] ?? colorDefaults[key].dark,
    };
    tokens[token] = `light-dark(${both.light}, ${both.dark})`;
  }
  const [first, second] = theme === 'dark' ? [dark, light] : [light, dark];
  const radius = first.borderRadius ?? second.borderRadius;
  const font = first.fontFamily ?? second.fontFamily;
  if (radius !== undefined) tokens['--billing-radius'] = radius;
  if (font !== undefined) tokens['--billing-font'] = font;
  return tokens;
}
