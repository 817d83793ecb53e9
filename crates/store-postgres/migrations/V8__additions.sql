-- An archive that is a copy of an earlier time is told from what it was when a range was dropped: see docs/stores.md.

ALTER TABLE retired_ranges ADD COLUMN additions bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN retired_ranges.additions IS 'how often rows had been added to the archive when the last of this range were there; 0: not counted';
