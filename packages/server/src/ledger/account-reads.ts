import type { Account, AccountRead } from './account.ts';
import { groupCommit } from './group-commit.ts';

/**
 * Reads accounts together: those that are asked for while a group is being read are the next group. A read begins after
 * it was asked for, and so sees every commit that its caller has heard of. One check at a time, a store answers a fifth
 * as many of them.
 *
 * @param lanes groups of one tenant that may be with the store at the same time.
 */
export function accountReads(
  readTogether: (tenantId: string, reads: readonly AccountRead[]) => Promise<readonly Account[]>,
  lanes: { lanesMax: number; lanesPerTenantMax: number },
): (tenantId: string, read: AccountRead) => Promise<Account> {
  const groups = groupCommit({ ...lanes, commit: readTogether });
  return async (tenantId, read) => {
    const [account] = await groups.submit(tenantId, [read]);
    if (account === undefined) throw new Error('The store gave no account');
    return account;
  };
}
