/**
 * The PostgreSQL store's schema, one statement block a version. A released block never changes; add one.
 * Instants are milliseconds since the epoch, amounts are scaled 64-bit integers, documents are JSON text, flags are
 * 0 and 1. Every key of what a tenant owns starts with the tenant, so that the tables can be distributed by it;
 * `tenant`, `secret_key` and `signing_key` are small and belong on every node.
 *
 * Names and ids compare by their bytes (collate "C"): locks are taken in key order, which no upgrade of the
 * system's locales may change between two processes.
 */
export const MIGRATIONS: readonly string[] = [
  `
  create table tenant (
    id text collate "C" primary key,
    organization text not null,
    mode text not null check (mode in ('test', 'live')),
    created_at bigint not null,
    unique (organization, mode)
  );

  create table secret_key (
    hash text collate "C" primary key,
    id text collate "C" not null unique,
    tenant_id text collate "C" not null references tenant (id),
    name text not null,
    created_at bigint not null,
    revoked_at bigint
  );

  create table signing_key (
    kid text collate "C" primary key,
    secret bytea not null,
    created_at bigint not null
  );

  create table catalog (
    tenant_id text collate "C" primary key references tenant (id),
    revision bigint not null,
    document text not null,
    updated_at bigint not null
  );

  create table customer (
    tenant_id text collate "C" not null references tenant (id),
    id text collate "C" not null,
    external_id text collate "C" not null,
    external_organization_id text,
    email text,
    name text,
    metadata text not null,
    anchor bigint,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, external_id)
  );

  create table subscription (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    customer_id text collate "C" not null,
    product_id text collate "C" not null,
    price_id text collate "C" not null,
    implicit smallint not null,
    status text collate "C" not null,
    started_at bigint not null,
    trial_end bigint,
    cancel_at_period_end smallint not null,
    ends_at bigint,
    canceled_at bigint,
    metadata text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, customer_id) references customer (tenant_id, id)
  );

  create index subscription_by_customer on subscription (tenant_id, customer_id, started_at);

  -- A counter is written with every batch that charges it. Room in each page and no index on what changes keep
  -- those updates within the page (HOT): no index entry, and the dead version is reused without a vacuum.
  create table counter (
    tenant_id text collate "C" not null,
    customer_id text collate "C" not null,
    feature text collate "C" not null,
    reset text collate "C" not null,
    period_start bigint not null,
    consumed bigint not null check (consumed >= 0),
    sequence bigint not null,
    crossed_warning integer not null,
    crossed_critical integer not null,
    crossed_full integer not null,
    primary key (tenant_id, customer_id, feature, reset, period_start)
  ) with (fillfactor = 70);

  create table event (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    customer_id text collate "C" not null,
    feature text collate "C" not null,
    reset text collate "C" not null,
    counter_start bigint not null,
    sequence bigint not null,
    action text collate "C" not null,
    quantity bigint not null,
    delta bigint not null,
    decimals smallint not null,
    consumed bigint not null,
    "limit" bigint,
    period_start bigint not null,
    period_end bigint,
    revision bigint not null,
    recorded_at bigint not null,
    occurred_at bigint,
    timestamp bigint,
    origin text collate "C" not null,
    idempotency_key text collate "C",
    metadata text,
    primary key (tenant_id, id)
  );

  create table idempotency (
    tenant_id text collate "C" not null,
    customer_id text collate "C" not null,
    origin text collate "C" not null,
    key text collate "C" not null,
    event_id text collate "C" not null,
    recorded_at bigint not null,
    primary key (tenant_id, customer_id, origin, key)
  );

  create table nudge_dismissal (
    tenant_id text collate "C" not null,
    customer_id text collate "C" not null,
    nudge_id text collate "C" not null,
    until bigint not null,
    primary key (tenant_id, customer_id, nudge_id)
  );
  `,
  `
  alter table customer add column implicit smallint not null default 1;
  alter table customer add column deleted_at bigint;
  create index customer_deleted on customer (tenant_id, id) where deleted_at is not null;

  create table revoked_token (
    tenant_id text collate "C" not null,
    token_id text collate "C" not null,
    until bigint not null,
    primary key (tenant_id, token_id)
  );

  create table idempotency_sweep (
    tenant_id text collate "C" primary key,
    event_id text collate "C" not null
  );

  create index event_with_metadata on event (tenant_id, customer_id) where metadata is not null;

  alter table subscription add column trial_product_id text collate "C";

  update subscription set trial_product_id = product_id where trial_end is not null;

  -- By key first: clients make keys that grow with time, so that new records are neighbours whosever they are.
  alter table idempotency drop constraint idempotency_pkey, add primary key (tenant_id, key, customer_id, origin);
  `,
  `
  create table audit (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    at bigint not null,
    action text collate "C" not null,
    subject text collate "C" not null,
    key_id text collate "C",
    request_id text collate "C",
    details text not null,
    primary key (tenant_id, id)
  );
  `,
];
