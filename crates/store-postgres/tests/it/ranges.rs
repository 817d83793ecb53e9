//! How wide the ranges of order ids are is a property of a database, from its first use on.

use projector::batch::Stream;
use sim::feed::feed_of;
use store_postgres::migrate::migrate;
use store_postgres::ranges::RangeWidth;

use crate::elsewhere::Elsewhere;
use crate::retire::{Shard, assert_same, commands, expected, history, narrow, whole, writer};
use crate::subject::{Databases, Stores};

#[test]
fn a_database_keeps_the_width_of_its_ranges() {
    let (blocks, canceled) = history(1, 1_000, 600);
    let (mut shard, writer) = (Shard::quick(), writer(&blocks));
    shard.write(&blocks, 0, canceled);
    assert_eq!(shard.sql("SELECT id_bits FROM order_ranges"), "8");
    // A configuration that says another width changes nothing.
    shard.config.range_width = RangeWidth::default();
    shard.stores = Stores::open(&shard.config);
    shard.write(&blocks, canceled, blocks.len());
    assert_eq!(shard.sql("SELECT id_bits FROM order_ranges"), "8");
    assert!(shard.retire_all(writer) >= 1);
    assert_same(&shard.rows(), &expected(&blocks, blocks.len()));
    for orders in [0, 128, 255, 257, 1 << 31] {
        assert_eq!(RangeWidth::of_orders(orders), None);
    }
    assert_eq!(RangeWidth::of_orders(1 << 23), Some(RangeWidth::default()));
}

#[test]
fn a_database_from_before_has_the_ranges_it_had() {
    let databases = Databases::quick();
    let golden = include_str!("../golden/migrations.txt");
    for (made, width) in [(true, "23"), (false, "")] {
        let database = databases.make();
        let earlier = [
            include_str!("../../migrations/V1__tables.sql"),
            include_str!("../../migrations/V2__partitions_and_lookups.sql"),
            include_str!("../../migrations/V3__views.sql"),
            include_str!("../../migrations/V4__leftovers.sql"),
            include_str!("../../migrations/V5__routed.sql"),
            include_str!("../../migrations/V6__orders_of_client.sql"),
            "CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))",
        ];
        for sql in earlier {
            databases.server.query(&database, sql).unwrap();
        }
        for line in golden.lines().take(6) {
            let [version, name, checksum] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let sql = format!(
                "INSERT INTO refinery_schema_history VALUES ({version}, '{name}', '2026-01-01T00:00:00Z', '{checksum}')"
            );
            databases.server.query(&database, &sql).unwrap();
        }
        if made {
            databases.server.query(&database, "SELECT add_order_range(0)").unwrap();
        }
        let config = narrow(databases.config(&database));
        assert_eq!(migrate(&config).unwrap().from, 6);
        assert_eq!(databases.server.query(&database, "SELECT id_bits FROM order_ranges").unwrap(), width);
        let (blocks, _) = feed_of(&commands(1, 300, 0));
        let mut stores = Stores::open(&config);
        stores.fill(&blocks);
        assert_eq!(whole(stores.of(Stream::Symbols), &Elsewhere::default()), expected(&blocks, blocks.len()));
        let bits = databases.server.query(&database, "SELECT id_bits FROM order_ranges").unwrap();
        assert_eq!(bits, if made { "23" } else { "8" });
    }
}
