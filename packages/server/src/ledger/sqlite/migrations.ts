/**
 * The embedded store's schema, one statement block a version. A released block never changes; add one.
 * Instants are milliseconds since the epoch, amounts are scaled 64-bit integers, documents are JSON text.
 * Every key starts with the tenant.
 */
export const MIGRATIONS: readonly string[] = [
  `
  create table tenant (
    id text primary key,
    organization text not null,
    mode text not null check (mode in ('test', 'live')),
    created_at integer not null,
    unique (organization, mode)
  ) strict, without rowid;

  create table secret_key (
    hash text primary key,
    id text not null unique,
    tenant_id text not null references tenant (id),
    name text not null,
    created_at integer not null,
    revoked_at integer
  ) strict, without rowid;

  create table signing_key (
    kid text primary key,
    secret blob not null,
    created_at integer not null
  ) strict, without rowid;

  create table catalog (
    tenant_id text primary key references tenant (id),
    revision integer not null,
    document text not null,
    updated_at integer not null
  ) strict, without rowid;

  create table customer (
    tenant_id text not null references tenant (id),
    id text not null,
    external_id text not null,
    external_organization_id text,
    email text,
    name text,
    metadata text not null,
    anchor integer,
    revision integer not null,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, external_id)
  ) strict, without rowid;

  create table subscription (
    tenant_id text not null,
    id text not null,
    customer_id text not null,
    product_id text not null,
    price_id text not null,
    implicit integer not null,
    status text not null,
    started_at integer not null,
    trial_end integer,
    cancel_at_period_end integer not null,
    ends_at integer,
    canceled_at integer,
    metadata text not null,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, customer_id) references customer (tenant_id, id)
  ) strict, without rowid;

  create index subscription_by_customer on subscription (tenant_id, customer_id, started_at);

  create table counter (
    tenant_id text not null,
    customer_id text not null,
    feature text not null,
    reset text not null,
    period_start integer not null,
    consumed integer not null check (consumed >= 0),
    sequence integer not null,
    crossed_warning integer not null,
    crossed_critical integer not null,
    crossed_full integer not null,
    primary key (tenant_id, customer_id, feature, reset, period_start)
  ) strict, without rowid;

  create table event (
    tenant_id text not null,
    id text not null,
    customer_id text not null,
    feature text not null,
    reset text not null,
    counter_start integer not null,
    sequence integer not null,
    action text not null,
    quantity integer not null,
    delta integer not null,
    decimals integer not null,
    consumed integer not null,
    "limit" integer,
    period_start integer not null,
    period_end integer,
    revision integer not null,
    recorded_at integer not null,
    occurred_at integer,
    timestamp integer,
    origin text not null,
    idempotency_key text,
    metadata text,
    primary key (tenant_id, id)
  ) strict, without rowid;

  create table idempotency (
    tenant_id text not null,
    customer_id text not null,
    origin text not null,
    key text not null,
    event_id text not null,
    recorded_at integer not null,
    primary key (tenant_id, customer_id, origin, key)
  ) strict, without rowid;

  create table nudge_dismissal (
    tenant_id text not null,
    customer_id text not null,
    nudge_id text not null,
    until integer not null,
    primary key (tenant_id, customer_id, nudge_id)
  ) strict, without rowid;
  `,
  `
  alter table customer add column implicit integer not null default 1;
  alter table customer add column deleted_at integer;

  create table revoked_token (
    tenant_id text not null,
    token_id text not null,
    until integer not null,
    primary key (tenant_id, token_id)
  ) strict, without rowid;

  create table idempotency_sweep (
    tenant_id text primary key,
    event_id text not null
  ) strict, without rowid;

  create index event_with_metadata on event (tenant_id, customer_id) where metadata is not null;

  alter table subscription add column trial_product_id text;

  update subscription set trial_product_id = product_id where trial_end is not null;

  -- By key first: clients make keys that grow with time, so that new records are neighbours whosever they are.
  create table idempotency_by_key (
    tenant_id text not null,
    key text not null,
    customer_id text not null,
    origin text not null,
    event_id text not null,
    recorded_at integer not null,
    primary key (tenant_id, key, customer_id, origin)
  ) strict, without rowid;

  insert into idempotency_by_key
  select tenant_id, key, customer_id, origin, event_id, recorded_at from idempotency;

  drop table idempotency;

  alter table idempotency_by_key rename to idempotency;
  `,
  `
  create index customer_deleted on customer (tenant_id, id) where deleted_at is not null;
  `,
  `
  create table audit (
    tenant_id text not null,
    id text not null,
    at integer not null,
    action text not null,
    subject text not null,
    key_id text,
    request_id text,
    details text not null,
    primary key (tenant_id, id)
  ) strict, without rowid;
  `,
];
