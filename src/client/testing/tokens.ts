/** Session tokens for tests. Not signed: clients read them and cannot verify them. */
export function sessionToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `bos_session_test_${part({ alg: 'HS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}
