import { attachContextRoot } from '../internal/context-root.ts';
import { define } from '../internal/define.ts';
import { onServer } from '../internal/environment.ts';
import { BillingProvider } from './provider.ts';

if (!onServer) attachContextRoot();
define('billing-provider', BillingProvider);
