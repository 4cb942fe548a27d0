import { ConfigurationError } from './errors.ts';

/**
 * The usage API's base URL, without a slash at its end.
 *
 * @throws ConfigurationError unless it is an absolute http or https URL
 */
export function normalizeApiUrl(apiUrl: string): string {
  const url = URL.canParse(apiUrl) ? new URL(apiUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError(`The apiUrl ${JSON.stringify(apiUrl)} is not an absolute http(s) URL.`);
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}
