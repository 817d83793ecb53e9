-- Which start of the venue may drop ranges: see docs/stores.md.

CREATE TABLE retirer (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch  bigint  NOT NULL
);
COMMENT ON TABLE retirer IS 'The latest start of the venue that asked which ranges are gone: no earlier one drops any; no row: nobody has asked.';
COMMENT ON COLUMN retirer.single IS 'always true: there is one row at most';
COMMENT ON COLUMN retirer.epoch IS 'its epoch';
