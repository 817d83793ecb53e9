//! What a writer's own work costs: batches become the commands that a server would get, and go nowhere. For benchmarks.

use documents::batch::writes;
use documents::collection::{Collection, Kind};
use documents::units::Units;
use projector::batch::Batch;

use crate::config::DOCUMENTS_MAX;
use crate::encode::encode;
use crate::fault::Fault;
use crate::session::{insert_command, replace_command};
use crate::write::statement;

/// Takes whatever it is given.
#[derive(Debug, Default)]
pub struct Sink {
    units: Units,
}

/// What it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Documents.
    pub documents: u64,
    /// Bytes of the commands they are in.
    pub bytes: u64,
}

impl Sink {
    /// Makes the commands that write the documents of a batch. Those of the stream `reference` say what the amounts of all others are in.
    pub fn take(&mut self, batch: &Batch) -> Result<Taken, Fault> {
        let mut taken = Taken::default();
        for set in writes(batch).sets {
            let collection = set.collection();
            let mut begin = 0;
            while begin < set.count() {
                let end = set.count().min(begin + DOCUMENTS_MAX);
                let some = (begin..end).map(|index| set.document(index, &self.units));
                let some = some.collect::<Result<Vec<_>, _>>()?;
                if matches!(collection, Collection::Assets | Collection::Symbols) {
                    some.iter().try_for_each(|document| self.units.learn(collection, document))?;
                }
                let command = match collection.kind() {
                    Kind::Added => {
                        let encoded = some.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
                        insert_command(collection.name(), encoded)
                    }
                    Kind::State => {
                        let statements = some.iter().map(|document| statement(collection, document));
                        let statements = statements.collect::<Result<Vec<_>, _>>()?;
                        replace_command(collection.name(), statements)
                    }
                };
                taken.documents += u64::try_from(some.len()).unwrap_or(u64::MAX);
                taken.bytes += u64::try_from(command.as_bytes().len()).unwrap_or(u64::MAX);
                begin = end;
            }
        }
        Ok(taken)
    }
}
