import { createSessionRoute } from '@billingos/node';
import { currentUserId } from '../../billing';

export const GET = createSessionRoute({}, async () => ({ userId: await currentUserId() }));
