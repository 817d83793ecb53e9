//! The databases of the archive: a member for each stream that is routed to one, each with connections of its own.

#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "dynamodb")]
mod dynamodb;

use std::sync::Arc;

use anyhow::Context;
use domain::ids::VenueId;
use projector::batch::Stream;
use projector::lineage::Lineage;
use projector::retired::{RetiredHistory, RetiredStore};

use super::collections::Reader;
use super::member::{Access, Kept, Member, Role};
use crate::config::Config;
use crate::config::archives::{Archive, Kind};

/// The members of all databases. None of them connects before it is asked something.
pub(crate) fn members(config: &Config, access: Access) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for (place, archive) in config.archives.iter().enumerate() {
        let key = || config.place_of(&format!("archives[{place}] ({})", archive.name));
        let lineage = Arc::new(Lineage::default());
        for stream in config.archived_streams(&archive.name) {
            let store = store(archive, stream, access).with_context(key)?;
            let (name, lineage) = (archive.name.clone(), Arc::clone(&lineage));
            members.push(Member { name, shard: None, role: Role::Archive, streams: vec![stream], lineage, store });
        }
    }
    Ok(members)
}

fn store(archive: &Archive, stream: Stream, access: Access) -> anyhow::Result<Box<dyn Kept>> {
    match archive.kind {
        #[cfg(feature = "mongodb")]
        Kind::MongoDb => mongodb::store(archive, stream, access),
        #[cfg(not(feature = "mongodb"))]
        Kind::MongoDb => missing(archive, stream, access),
        #[cfg(feature = "dynamodb")]
        Kind::DynamoDb => dynamodb::store(archive, stream, access),
        #[cfg(not(feature = "dynamodb"))]
        Kind::DynamoDb => missing(archive, stream, access),
    }
}

/// Reads what is in a database.
pub(crate) fn reader(archive: &Archive, lineage: Option<Arc<Lineage>>) -> anyhow::Result<Reader> {
    match archive.kind {
        #[cfg(feature = "mongodb")]
        Kind::MongoDb => mongodb::reader(archive, lineage),
        #[cfg(not(feature = "mongodb"))]
        Kind::MongoDb => missing(archive, lineage, ()),
        #[cfg(feature = "dynamodb")]
        Kind::DynamoDb => dynamodb::reader(archive, lineage),
        #[cfg(not(feature = "dynamodb"))]
        Kind::DynamoDb => missing(archive, lineage, ()),
    }
}

/// Brings closed orders of this venue to a database.
pub(super) fn closed_writer(archive: &Archive, venue: VenueId) -> anyhow::Result<Box<dyn RetiredStore>> {
    match archive.kind {
        #[cfg(feature = "mongodb")]
        Kind::MongoDb => mongodb::closed_writer(archive, venue),
        #[cfg(not(feature = "mongodb"))]
        Kind::MongoDb => missing(archive, venue, ()),
        Kind::DynamoDb => anyhow::bail!("DynamoDB does not take closed orders"),
    }
}

/// Reads the closed orders of a database.
pub(super) fn closed_reader(archive: &Archive) -> anyhow::Result<Arc<dyn RetiredHistory>> {
    match archive.kind {
        #[cfg(feature = "mongodb")]
        Kind::MongoDb => mongodb::closed_reader(archive),
        #[cfg(not(feature = "mongodb"))]
        Kind::MongoDb => missing(archive, (), ()),
        Kind::DynamoDb => anyhow::bail!("DynamoDB does not take closed orders"),
    }
}

/// Makes what a database lacks; in words for an operator.
pub(crate) fn migrate(archive: &Archive) -> anyhow::Result<String> {
    match archive.kind {
        #[cfg(feature = "mongodb")]
        Kind::MongoDb => mongodb::migrate(archive),
        #[cfg(not(feature = "mongodb"))]
        Kind::MongoDb => missing(archive, (), ()),
        #[cfg(feature = "dynamodb")]
        Kind::DynamoDb => dynamodb::migrate(archive),
        #[cfg(not(feature = "dynamodb"))]
        Kind::DynamoDb => missing(archive, (), ()),
    }
}

#[cfg_attr(
    all(feature = "mongodb", feature = "dynamodb", not(test)),
    expect(dead_code, reason = "no driver is missing")
)]
fn missing<T, A, B>(archive: &Archive, _: A, _: B) -> anyhow::Result<T> {
    anyhow::bail!("{} is of {}", archive.name, archive.kind.missing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_the_driver_says_how_to_get_it() {
        let (name, url) = ("mongo-1".to_owned(), "mongodb://127.0.0.1/a".to_owned());
        let archive = Archive { name, kind: Kind::MongoDb, url, ca_file: None, migrate: true };
        let said = missing::<(), _, _>(&archive, (), ()).unwrap_err().to_string();
        assert!(said.starts_with("mongo-1 is of the kind mongodb"), "{said}");
        assert!(said.ends_with("`cargo build --release --package venue --features mongodb,dynamodb`"), "{said}");
    }
}
