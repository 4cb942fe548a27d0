'use client';

import { useEffect, useLayoutEffect } from 'react';
import { onServer } from '../elements/internal/environment.ts';

/** React 18 complains of layout effects on the server, where there are none. */
export const useClientLayoutEffect = onServer ? useEffect : useLayoutEffect;
