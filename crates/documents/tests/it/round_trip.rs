//! Every row comes back from its document as it was.

use documents::batch::writes;
use documents::collection::{Collection, is_archived};
use documents::document::{Document, Value};
use documents::rows::{keeps, row};
use documents::units::Units;
use projector::batch::Stream;
use projector::conformance::{batch, blocks};
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream as _, Store as _, StoredRow};
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

#[test]
fn a_row_comes_back_from_its_document() {
    let mut model = Model::new(CELL);
    let commands: Vec<_> = sequenced(&generate(Profile::Small, 3, 2_000)).collect();
    let blocks = blocks(&commands, |command, events| model.apply(command, events));
    let mut units = Units::default();
    for stream in Stream::ALL.into_iter().filter(|stream| is_archived(*stream)) {
        let mut memory = MemoryStore::default();
        let whole = batch(stream, &blocks, 0, blocks.len());
        assert_eq!(memory.commit(&whole), Outcome::Committed);
        let mut expected = Vec::new();
        memory.read_stream(stream, &mut |row| expected.push(row)).unwrap();
        expected.retain(keeps);
        assert!(expected.len() > 3, "{stream:?}: there is something to compare");
        let mut found: Vec<StoredRow> = documents(&whole, &mut units)
            .iter()
            .map(|(collection, document)| row(*collection, document, &units).unwrap())
            .collect();
        for rows in [&mut found, &mut expected] {
            rows.sort_by_cached_key(|row| format!("{row:?}"));
        }
        assert_eq!(found, expected, "{stream:?}");
    }
}

fn documents(batch: &projector::batch::Batch, units: &mut Units) -> Vec<(Collection, Document)> {
    let writes = writes(batch);
    assert!(writes.changed.is_empty(), "everything is new");
    let mut all = Vec::new();
    for documents in writes.sets {
        for index in 0..documents.count() {
            let document = documents.document(index, units).unwrap();
            units.learn(documents.collection(), &document).unwrap();
            all.push((documents.collection(), document));
        }
    }
    let mut ids: Vec<_> = all.iter().map(|(collection, document)| (*collection, document.id.clone())).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "each has an id of its own");
    all
}

#[test]
fn what_was_never_written_is_refused() {
    let good = Document::new("1", domain::units::Seq(1), [("asset_id", 1_u32.into()), ("scale", 8_u32.into())]);
    let units = Units::default();
    let says = |document: &Document| row(Collection::Assets, document, &units).unwrap_err().to_string();
    assert!(says(&good).contains("no field \"code\""));
    let mut wrong = good.clone();
    wrong.fields[0].1 = Value::Flag(true);
    assert!(says(&wrong).contains("asset_id is true"), "{}", says(&wrong));
    wrong.fields[0].1 = Value::Int(-1);
    assert!(says(&wrong).contains("asset_id is 18446744073709551615"), "{}", says(&wrong));
}
