import { define } from '../internal/define.ts';
import { BillingProvider } from './provider.ts';

define('billing-provider', BillingProvider);
