-- How often rows were added: a copy of an earlier time has less than the shards noted.
ALTER TABLE closed_orders_extent ADD COLUMN additions INTEGER NOT NULL DEFAULT 0;
