import { createContext } from '@lit/context';
import type { UsageStore } from '../store/types.ts';

/**
 * The context under which a provider hands its store down. The key is a registered symbol, so that copies of
 * this package on one page understand each other.
 */
export const storeContext = createContext<UsageStore | undefined>(Symbol.for('billingos.store'));
