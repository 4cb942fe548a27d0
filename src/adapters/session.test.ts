import { describe, expect, test } from 'vitest';
import { AuthenticationError } from '../client/errors.ts';
import type { SessionGrant } from '../client/session.ts';
import { Session } from './session.ts';

/** A session whose host gives a new token each time. */
function counted() {
  const loads = { count: 0 };
  const load = (): Promise<SessionGrant> => {
    loads.count += 1;
    return Promise.resolve({ sessionToken: `token ${loads.count}`, expiresAt: '2026-02-03T05:00:00.000Z' });
  };
  return { session: new Session(load), loads };
}

describe('a session', () => {
  test('asks the host once for the application and the client', async () => {
    const { session, loads } = counted();
    const [token, grant] = await Promise.all([session.refresh(), session.getSessionToken()]);
    expect([token.token, grant.sessionToken, loads.count]).toEqual(['token 1', 'token 1', 1]);
  });

  test('gives the client what was loaded for the application, once', async () => {
    const { session } = counted();
    await session.refresh();
    expect((await session.getSessionToken()).sessionToken).toBe('token 1');
    expect((await session.getSessionToken()).sessionToken).toBe('token 2');
  });

  test('tells of the newest token, whoever asked for it', async () => {
    const { session } = counted();
    const told: unknown[] = [];
    session.subscribe(() => told.push(session.getToken()));
    await session.getSessionToken();
    expect(told).toEqual([{ token: 'token 1', expiresAt: '2026-02-03T05:00:00.000Z' }]);
  });

  test('does not know when a token ends that does not tell', async () => {
    const session = new Session(() => Promise.resolve({ sessionToken: 'opaque' }));
    expect(await session.refresh()).toEqual({ token: 'opaque', expiresAt: null });
  });

  test('passes on that nobody is signed in, and asks again the next time', async () => {
    let isSignedIn = false;
    const session = new Session(() =>
      isSignedIn ? Promise.resolve({ sessionToken: 'a' }) : Promise.reject(new AuthenticationError('nobody')),
    );
    await expect(session.refresh()).rejects.toThrow('nobody');
    isSignedIn = true;
    expect((await session.getSessionToken()).sessionToken).toBe('a');
  });
});
