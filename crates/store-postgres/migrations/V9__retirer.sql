-- Which start of the venue may drop ranges: see docs/stores.md.

CREATE TABLE retirer (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch  bigint  NOT NULL,
    start  bytea   NOT NULL
);
COMMENT ON TABLE retirer IS 'The latest start of the venue that has looked at which ranges are gone: no other one drops any; no row: nobody has looked.';
COMMENT ON COLUMN retirer.single IS 'always true: there is one row at most';
COMMENT ON COLUMN retirer.epoch IS 'its epoch';
COMMENT ON COLUMN retirer.start IS 'tells it from another start with the same epoch, of a copy of the data directory';
