import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refuseInsecure } from './insecure.ts';
import { tempFolder } from './ledger/testing/temp-folder.ts';

const POSTGRES = {
  kind: 'postgres',
  url: 'postgres://localhost/billing',
  directUrl: 'postgres://localhost/billing',
} as const;

function listenOn(host: string, publicUrl?: string): () => void {
  return () => refuseInsecure({ port: 4242, host, publicUrl }, POSTGRES);
}

function storeIn(folder: string): () => void {
  return () =>
    refuseInsecure({ port: 4242, host: '127.0.0.1', publicUrl: undefined }, { kind: 'embedded', folder });
}

function databaseAt(urls: { url?: string; directUrl?: string }): () => void {
  return () =>
    refuseInsecure({ port: 4242, host: '127.0.0.1', publicUrl: undefined }, { ...POSTGRES, ...urls });
}

describe('a production server', () => {
  it.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1'])('may listen on %s', (host) => {
    expect(listenOn(host)).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'api.example', '127.0.0.1.example'])(
    'may listen on %s only behind a proxy with TLS',
    (host) => {
      expect(listenOn(host)).toThrow(/keys would travel in clear text.*BILLINGOS_PUBLIC_URL=https:/);
      expect(listenOn(host, 'http://api.example')).toThrow(/clear text/);
      expect(listenOn(host, 'http://localhost')).toThrow(/clear text/);
      expect(listenOn(host, 'https://api.example')).not.toThrow();
    },
  );

  it('may call itself by a plain http URL only where that is this machine', () => {
    expect(listenOn('127.0.0.1', 'http://api.example')).toThrow(/clear text/);
    expect(listenOn('127.0.0.1', 'http://localhost:8080')).not.toThrow();
    expect(listenOn('::1', 'http://[::1]:8080')).not.toThrow();
  });

  it.each([
    'postgres://localhost/billing',
    'postgres://[::1]:5432/billing',
    'postgres://billing@localhost/billing?host=/run/postgresql',
    'postgres://%2Frun%2Fpostgresql/billing',
    'postgres://db.internal/billing?sslmode=verify-full',
    'postgres://db.internal/billing?sslmode=disable',
  ])('may use the database %s', (url) => {
    expect(databaseAt({ url, directUrl: url })).not.toThrow();
  });

  it('must not speak to a database elsewhere in clear text without having been told to', () => {
    const url = 'postgres://billing:hush@db.internal/billing';
    expect(databaseAt({ url })).toThrow(
      /The database at db\.internal .*End DATABASE_URL with "\?sslmode=verify-full"/,
    );
    expect(databaseAt({ directUrl: url })).toThrow(/End DATABASE_DIRECT_URL with/);
    expect(databaseAt({ url })).not.toThrow('hush');
  });

  it.each([0o701, 0o750, 0o755, 0o777])('must not keep its store in a folder of mode %o', (mode) => {
    const folder = tempFolder();
    chmodSync(folder, mode);
    expect(storeIn(folder)).toThrow(`chmod 700 "${folder}"`);
  });

  it('may keep its store in a folder of its own, or in one yet to be made', () => {
    const folder = tempFolder();
    expect(storeIn(folder)).not.toThrow();
    expect(storeIn(join(folder, 'new'))).not.toThrow();
  });

  it('must not be the demo', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'dev.json'), '{}');
    expect(storeIn(folder)).toThrow(/holds the demo.*--data/);
  });
});
