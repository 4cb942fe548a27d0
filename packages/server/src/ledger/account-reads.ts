import type { Account, AccountRead } from './account.ts';
import { groupCommit, type GroupCommitOptions } from './group-commit.ts';

/**
 * Reads accounts together, in batches as commits are: those that are asked for while one is read are the next. A read
 * begins after it was asked for, and so sees every commit that its caller has heard of. One check at a time, a store
 * answers a fifth as many of them.
 */
export function accountReads(
  options: Pick<GroupCommitOptions<AccountRead, Account>, 'commit' | 'lanesMax' | 'mixesTenants'>,
): (tenantId: string, read: AccountRead) => Promise<Account> {
  const reads = groupCommit(options);
  return async (tenantId, read) => {
    const [account] = await reads.submit(tenantId, [read]);
    if (account === undefined) throw new Error('The store gave no account');
    return account;
  };
}
