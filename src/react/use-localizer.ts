'use client';

import { type RefObject, useState } from 'react';
import { addMissingMessages } from '../elements/internal/add-messages.ts';
import { type Localizer, localizerFor } from '../elements/internal/localizer.ts';
import { follow, unfollow } from '../elements/internal/surroundings.ts';
import en from '../elements/locales/en.ts';
import { useClientLayoutEffect } from './use-client-layout-effect.ts';

addMissingMessages('en', en);

const ENGLISH: Localizer = { locale: 'en', catalogues: [] };

/**
 * The elements' texts in the language of the nearest ancestor that says one, followed as the elements follow it.
 * English on a server, which knows no ancestors, and until the texts have come.
 */
export function useLocalizer(host: RefObject<Element | null>): Localizer {
  const [localizer, setLocalizer] = useState(ENGLISH);
  useClientLayoutEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const draw = () => setLocalizer(localizerFor(element));
    draw();
    follow(element, draw);
    return () => unfollow(element);
  }, [host]);
  return localizer;
}
