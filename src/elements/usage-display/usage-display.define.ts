import { define } from '../internal/define.ts';
import { BillingUsageDisplay } from './usage-display.ts';

define('billing-usage-display', BillingUsageDisplay);
