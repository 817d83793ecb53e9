-- What of other shards is still here: see docs/moves.md.

CREATE TABLE leftovers (
    subject    text    NOT NULL CHECK (subject IN ('symbol', 'user')),
    subject_id integer NOT NULL,
    left_seq   bigint  NOT NULL,
    removing   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (subject, subject_id)
);
COMMENT ON TABLE leftovers IS 'Symbols and users that have left this shard while their rows are still here; no event is added to them.';
COMMENT ON COLUMN leftovers.subject IS 'symbol or user';
COMMENT ON COLUMN leftovers.left_seq IS 'their rows are complete through this sequence';
COMMENT ON COLUMN leftovers.removing IS 'some of the rows may be gone already';

COMMENT ON TABLE incoming IS 'Symbols and users whose rows were copied here, and whose events are added.';
COMMENT ON COLUMN incoming.digest IS 'sum, modulo 2^256, of the BLAKE3 hashes of the rows as COPY writes them';
