-- The process itself settles shares: it is the one that writes.

delete from schema_compat where version = '20261201000020';
