import { coreTexts } from '../internal/core-texts.ts';
import { usageTexts } from '../internal/usage-texts.ts';
import { nudgeTexts } from '../upgrade-nudge/nudge-texts.ts';

/** One text, or one per plural category of its `{count}`. */
export type Message = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);

/** Every text the elements can show, in English: the reference for all other catalogues. */
const en = {
  ...coreTexts,
  ...usageTexts,
  ...nudgeTexts,
} as const satisfies Record<string, Message>;

export default en;

/** The name of a text. */
export type MessageKey = keyof typeof en;

/** A whole catalogue: one message for every name. */
export type Catalogue = Readonly<Record<MessageKey, Message>>;
