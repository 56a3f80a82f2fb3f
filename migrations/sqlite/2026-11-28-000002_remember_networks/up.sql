-- Where each account signed in from: an IPv4 address, or the first address of an IPv6 network of 64
-- bits. A right password from there is not refused because of failures elsewhere.
create table known_networks (
    account_id   blob not null references accounts on delete cascade,
    network      text not null,
    signed_in_at integer not null,
    primary key (account_id, network)
) strict, without rowid;
create index known_networks_age on known_networks (signed_in_at);
