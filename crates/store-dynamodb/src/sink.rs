//! What a writer's own work costs: batches become the items that the service would get, and go nowhere. For benchmarks.

use std::collections::HashMap;

use documents::batch::{Documents, writes};
use documents::collection::{Collection, Kind};
use documents::units::Units;
use projector::batch::Batch;

use crate::cost::bytes_of;
use crate::fault::Fault;
use crate::item::{Key, encode};
use crate::pack::{Pack, PackPlace};
use crate::write::by_item;

/// Takes whatever it is given.
#[derive(Debug, Default)]
pub struct Sink {
    units: Units,
    /// Packed items that are not full.
    open: HashMap<PackPlace, Pack>,
}

/// What it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Documents.
    pub documents: u64,
    /// Bytes of the items they are in, as the service counts them. An item that grew counts each time.
    pub bytes: u64,
}

impl Sink {
    /// Makes the items that hold the documents of a batch. Those of the stream `reference` say what the amounts of all others are in.
    pub fn take(&mut self, batch: &Batch) -> Result<Taken, Fault> {
        let mut taken = Taken::default();
        for set in writes(batch).sets {
            let bytes = match set.collection().kind() {
                Kind::Added => self.pack(&set)?,
                Kind::State => self.encode(&set)?,
            };
            taken.documents += set.count() as u64;
            taken.bytes += bytes as u64;
        }
        Ok(taken)
    }

    fn pack(&mut self, set: &Documents<'_>) -> Result<usize, Fault> {
        let mut bytes = 0;
        for (place, indexes) in by_item(set)? {
            let mut pack = self.open.remove(&place).unwrap_or_default();
            for index in indexes {
                pack.push(&set.document(index, &self.units)?)?;
            }
            bytes += bytes_of(&pack.item(&place)?);
            if pack.count() < place.capacity() {
                self.open.insert(place, pack);
            }
        }
        Ok(bytes)
    }

    fn encode(&mut self, set: &Documents<'_>) -> Result<usize, Fault> {
        let collection = set.collection();
        let mut bytes = 0;
        for index in 0..set.count() {
            let document = set.document(index, &self.units)?;
            bytes += bytes_of(&encode(&Key::of_document(collection, &document.id), &document));
            if matches!(collection, Collection::Assets | Collection::Symbols) {
                self.units.learn(collection, &document)?;
            }
        }
        Ok(bytes)
    }
}
