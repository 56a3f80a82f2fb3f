drop function overlapping_keys;
drop index api_keys_overlapping;
drop index api_keys_successor;
