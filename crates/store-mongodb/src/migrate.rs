//! The collections of a database and their indexes: how they get there, and whether they are as they were made.

use documents::checkpoint::CHECKPOINTS;
use documents::collection::{Collection, Index};
use documents::extent::CLOSED_ORDERS;
use mongodb::bson::raw::{CString, RawArrayBuf, RawDocumentBuf, cstr};
use mongodb::bson::{Bson, Document, rawdoc};
use projector::batch::Stream;
use projector::words::Word as _;

use crate::config::MongoConfig;
use crate::encode::number;
use crate::fault::Fault;
use crate::link::Link;
use crate::session::{Replacement, Session, first_batch};

/// Version of the documents known here.
const VERSION: i64 = 3;
/// Where the version is noted.
const SCHEMA: &str = "schema";
const SCHEMA_ID: &str = "buttonwood";
/// A collection is there already.
const NAMESPACE_EXISTS: i64 = 48;
/// There is no such collection.
const NAMESPACE_NOT_FOUND: i64 = 26;
/// An index is there already, with other options.
const INDEX_CONFLICTS: [i64; 2] = [85, 86];
/// Collections and indexes that are listed at once: all there are.
const LISTED: i32 = 10_000;
/// What decides when a document is deleted.
const EXPIRES_AT: &str = "expires_at";

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0: the database was empty.
    pub from: i64,
    /// Version now.
    pub to: i64,
    /// Indexes that were made.
    pub indexes: usize,
}

/// How long to wait for an index, which takes hours on a large collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as for any other command: then it is being built, and whoever asks again waits for it again.
    OfACommand,
    /// Until it is built.
    ToTheEnd,
}

/// Makes the collections and indexes that are not there, and waits until they are there. Harmless where they are. What is there and is
/// otherwise than it should be is reported, not changed: nobody knows here who relies on it.
pub fn migrate(config: &MongoConfig) -> Result<Migrated, Fault> {
    Link::open(config, "migrate")?.run(async |session| migrate_session(session, Patience::ToTheEnd).await)
}

/// Checks that the database is as this program makes it, or makes it so.
pub(crate) async fn check(session: &Session, migrates: bool, patience: Patience) -> Result<(), Fault> {
    match check_known(session).await {
        Err(Fault::OlderSchema { .. }) if migrates => {
            let migrated = migrate_session(session, patience).await?;
            tracing::info!(from = migrated.from, to = migrated.to, "collections and indexes made");
            Ok(())
        }
        checked => checked,
    }
}

/// Checks that the database is as this program makes it; a reader leaves it as it is.
pub(crate) async fn check_known(session: &Session) -> Result<(), Fault> {
    let (found, known) = (version(session).await?, VERSION);
    match found.cmp(&known) {
        std::cmp::Ordering::Less => return Err(Fault::OlderSchema { found, known }),
        std::cmp::Ordering::Greater => return Err(Fault::NewerSchema { found, known }),
        std::cmp::Ordering::Equal => {}
    }
    let there = collections(session).await?;
    check_lost(session, &there).await?;
    let Look { missing, mut differences } = look(session, &there).await?;
    differences.extend(missing.iter().map(|missing| format!("{missing} is missing: run `buttonwood migrate`")));
    if differences.is_empty() { Ok(()) } else { Err(Fault::Drifted(differences)) }
}

/// Checks that this program knows what is there; there may be nothing.
pub(crate) async fn check_not_newer(session: &Session) -> Result<(), Fault> {
    let found = version(session).await?;
    if found > VERSION { Err(Fault::NewerSchema { found, known: VERSION }) } else { Ok(()) }
}

async fn migrate_session(session: &Session, patience: Patience) -> Result<Migrated, Fault> {
    let from = version(session).await?;
    if from > VERSION {
        return Err(Fault::NewerSchema { found: from, known: VERSION });
    }
    let there = collections(session).await?;
    if from == 0 {
        check_empty(&there)?;
    }
    if from == VERSION {
        check_lost(session, &there).await?;
    }
    let Look { missing, differences } = look(session, &there).await?;
    if !differences.is_empty() {
        return Err(Fault::Drifted(differences));
    }
    for indexes in missing.chunk_by(|one, next| one.collection == next.collection) {
        make(session, indexes, patience).await?;
    }
    for name in names() {
        match session.command(rawdoc! { "create": name }).await {
            Err(fault) if fault.code() != Some(NAMESPACE_EXISTS) => return Err(fault),
            Ok(_) | Err(_) => {}
        }
    }
    let noted = rawdoc! { "_id": SCHEMA_ID, "version": VERSION };
    let note = Replacement { query: rawdoc! { "_id": SCHEMA_ID }, document: noted, adds: true };
    let written = session.replace(SCHEMA, vec![note]).await?;
    match written.errors.into_iter().next() {
        // Another one noted the same at the same moment.
        Some(error) if error.code != crate::fault::DUPLICATE_KEY => Err(error.into()),
        Some(_) | None => Ok(Migrated { from, to: VERSION, indexes: missing.len() }),
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    Collection::ALL.into_iter().map(Collection::name).chain([CHECKPOINTS, SCHEMA])
}

/// The version of the database; 0: it has none.
async fn version(session: &Session) -> Result<i64, Fault> {
    let found = session.find_ids(SCHEMA, [SCHEMA_ID].into_iter()).await?.pop();
    let version = |found: Document| found.get("version").and_then(number);
    found
        .map_or(Ok(0), |found| version(found).ok_or_else(|| Fault::WrongDatabase("its version is not a number".into())))
}

/// A database of somebody else is left alone.
fn check_empty(there: &[Document]) -> Result<(), Fault> {
    for collection in there {
        let name = collection.get_str("name").unwrap_or_default();
        // Ours can be there without a version: an earlier attempt was interrupted.
        if !name.starts_with("system.") && !names().any(|known| known == name) {
            return Err(Fault::WrongDatabase(format!(
                "the database has collections of another program ({name}): use an empty one"
            )));
        }
    }
    Ok(())
}

/// A collection that had documents and is gone is not made anew: nobody would see that it lacks them.
async fn check_lost(session: &Session, there: &[Document]) -> Result<(), Fault> {
    let mut lost = Vec::new();
    for collection in Collection::ALL.into_iter().filter(|collection| find(there, *collection).is_none()) {
        let stream = Stream::ALL.into_iter().find(|stream| Collection::of(*stream).contains(&collection));
        let noted = stream.map_or(CLOSED_ORDERS, |stream| stream.word());
        if !session.find_ids(CHECKPOINTS, [noted].into_iter()).await?.is_empty() {
            let again = stream.map_or(String::new(), |_| {
                format!(
                    ", or delete the document {noted:?} of {CHECKPOINTS} and run `buttonwood migrate`: it is built again from the logs, if \
                     they reach back to the first command"
                )
            });
            lost.push(format!(
                "collection {} had documents and is gone: bring back a copy of the database{again}",
                collection.name()
            ));
        }
    }
    if lost.is_empty() { Ok(()) } else { Err(Fault::Drifted(lost)) }
}

fn find(there: &[Document], collection: Collection) -> Option<&Document> {
    there.iter().find(|found| found.get_str("name").ok() == Some(collection.name()))
}

async fn collections(session: &Session) -> Result<Vec<Document>, Fault> {
    first_batch(session.command(rawdoc! { "listCollections": 1, "cursor": { "batchSize": LISTED } }).await?)
}

/// What is not as it should be.
#[derive(Debug, Default)]
struct Look {
    missing: Vec<Wanted>,
    differences: Vec<String>,
}

/// An index of ours.
#[derive(Debug)]
struct Wanted {
    collection: Collection,
    fields: &'static [&'static str],
    unique: bool,
    /// Whether documents are deleted by it.
    deletes: bool,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "index ({}) of {}", self.fields.join(", "), self.collection.name())
    }
}

async fn look(session: &Session, there: &[Document]) -> Result<Look, Fault> {
    let mut look = Look::default();
    for collection in Collection::ALL {
        let Some(found) = find(there, collection) else {
            look.missing.extend(wanted(collection));
            continue;
        };
        look.differences.extend(strange_collection(collection, found));
        let listed =
            session.command(rawdoc! { "listIndexes": collection.name(), "cursor": { "batchSize": LISTED } }).await;
        let mut indexes = match listed {
            Ok(listed) => first_batch(listed)?,
            Err(fault) if fault.code() == Some(NAMESPACE_NOT_FOUND) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        for wanted in wanted(collection) {
            match indexes.iter().position(|index| wanted.has_key_of(index)) {
                Some(place) => look.differences.extend(wanted.difference(&indexes.swap_remove(place))),
                None => look.missing.push(wanted),
            }
        }
        look.differences.extend(indexes.iter().filter_map(|index| harmful(collection, index)));
    }
    Ok(look)
}

fn wanted(collection: Collection) -> Vec<Wanted> {
    let of = |index: &Index| Wanted { collection, fields: index.fields, unique: index.unique, deletes: false };
    let mut all: Vec<Wanted> = collection.indexes().iter().map(of).collect();
    if collection.expires() {
        all.push(Wanted { collection, fields: &[EXPIRES_AT], unique: false, deletes: true });
    }
    all
}

impl Wanted {
    fn has_key_of(&self, index: &Document) -> bool {
        let Ok(key) = index.get_document("key") else { return false };
        key.len() == self.fields.len()
            && key.iter().zip(self.fields).all(|((name, direction), field)| name == field && is_ascending(direction))
    }

    /// How an index with the same key is otherwise than it should be.
    fn difference(&self, found: &Document) -> Option<String> {
        let mut wrong = Vec::new();
        if is_set(found, "unique") != self.unique {
            wrong.push(if self.unique { "is not unique" } else { "is unique" });
        }
        let after = found.get("expireAfterSeconds");
        if after.and_then(whole) != self.deletes.then_some(0) || after.is_some() != self.deletes {
            wrong.push(if self.deletes { "does not delete what has expired at once" } else { "deletes documents" });
        }
        for (option, what) in
            [("partialFilterExpression", "leaves documents out"), ("collation", "compares in its own way")]
        {
            if found.contains_key(option) {
                wrong.push(what);
            }
        }
        for (option, what) in [("sparse", "is sparse"), ("hidden", "is hidden")] {
            if is_set(found, option) {
                wrong.push(what);
            }
        }
        let name = found.get_str("name").unwrap_or_default();
        let drop = "drop it, and `buttonwood migrate` makes it as it should be";
        (!wrong.is_empty()).then(|| format!("{self}, named {name:?}, {}: {drop}", wrong.join(" and ")))
    }

    /// What to make of it.
    fn definition(&self) -> Result<RawDocumentBuf, Fault> {
        let mut key = RawDocumentBuf::new();
        for field in self.fields {
            key.append(CString::try_from(*field).map_err(|error| Fault::Misuse(error.to_string()))?, 1);
        }
        let name = self.fields.iter().map(|field| format!("{field}_1")).collect::<Vec<_>>().join("_");
        let mut index = rawdoc! { "key": key, "name": name };
        if self.unique {
            index.append(cstr!("unique"), true);
        }
        if self.deletes {
            index.append(cstr!("expireAfterSeconds"), 0);
        }
        Ok(index)
    }
}

/// Makes indexes of one collection, which the server goes through once for all of them, and the collection where it is not there.
async fn make(session: &Session, wanted: &[Wanted], patience: Patience) -> Result<(), Fault> {
    let Some(Wanted { collection, .. }) = wanted.first() else { return Ok(()) };
    let mut indexes = RawArrayBuf::new();
    for index in wanted {
        indexes.push(index.definition()?);
    }
    let mut command = rawdoc! { "createIndexes": collection.name() };
    command.append(cstr!("indexes"), indexes);
    let patience = match patience {
        Patience::OfACommand => Some(session.timeout),
        Patience::ToTheEnd => None,
    };
    let what = wanted.iter().map(Wanted::to_string).collect::<Vec<_>>().join(", ");
    match session.long_command(&what, command, patience).await {
        // Another one made it at the same moment; the next look says how.
        Err(fault) if fault.code().is_some_and(|code| INDEX_CONFLICTS.contains(&code)) => Ok(()),
        Ok(None) => Err(Fault::Building(what)),
        made => made.map(drop),
    }
}

/// A collection that does not keep what it is given.
fn strange_collection(collection: Collection, found: &Document) -> Option<String> {
    let options = found.get_document("options").ok()?;
    let kind = found.get_str("type").unwrap_or("collection");
    let what = match options {
        _ if kind != "collection" => format!("is a {kind}"),
        options if is_set(options, "capped") => "is capped and forgets its oldest documents".to_owned(),
        options if options.contains_key("timeseries") => "is a time series".to_owned(),
        options if options.contains_key("validator") => "refuses some documents".to_owned(),
        options if options.contains_key("collation") => "compares texts in its own way".to_owned(),
        _ => return None,
    };
    Some(format!("collection {} {what}: use another database, or make it anew", collection.name()))
}

/// An index that is not ours and would refuse or delete documents.
fn harmful(collection: Collection, index: &Document) -> Option<String> {
    let name = index.get_str("name").unwrap_or_default();
    let what = match index {
        index if index.contains_key("expireAfterSeconds") => "deletes documents",
        index if is_set(index, "unique") && name != "_id_" => "refuses documents",
        _ => return None,
    };
    Some(format!("index {name:?} of {} is not ours and {what}: drop it", collection.name()))
}

fn is_ascending(direction: &Bson) -> bool {
    whole(direction) == Some(1)
}

fn is_set(document: &Document, option: &str) -> bool {
    match document.get(option) {
        Some(Bson::Boolean(set)) => *set,
        Some(value) => whole(value).is_some_and(|value| value != 0),
        None => false,
    }
}

/// A number that some servers keep as a float.
fn whole(value: &Bson) -> Option<i64> {
    if let Bson::Double(number) = value {
        #[expect(clippy::cast_possible_truncation, reason = "options of indexes are small numbers")]
        return Some(*number as i64);
    }
    number(value)
}
