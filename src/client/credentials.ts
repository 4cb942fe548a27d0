/** What a request needs to be sent: where to, as whom. */
export interface Credentials {
  /** The secret key or session token. */
  readonly token: string;
  /** The usage API's base URL, without a slash at its end. */
  readonly apiUrl: string;
  /** Whose session it is: API, tenant and customer as one string. `undefined` when the token does not tell. */
  readonly customer: string | undefined;
}

/** Where credentials come from. */
export interface CredentialSource {
  /** @throws AuthenticationError when nobody is signed in; ConfigurationError when the API cannot be found */
  get(): Promise<Credentials>;
  /** Whose they are, where the last ones tell without a request, expired or not. */
  customer?(): Promise<string | undefined>;
  /** Replaces credentials that the API refused; absent where there are no others to be had. */
  renew?(rejected: Credentials): Promise<Credentials>;
}
