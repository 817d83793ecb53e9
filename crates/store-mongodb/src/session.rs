//! Commands to the server, and what it answers.

use std::time::Duration;

use mongodb::bson::raw::{RawArrayBuf, RawDocumentBuf, cstr};
use mongodb::bson::{Bson, Document, rawdoc};
use mongodb::{Client, Database};

use crate::config::MongoConfig;
use crate::encode::number;
use crate::fault::Fault;

/// How long the server may wait for other members before it says that they are late.
const REPLICATION_WAIT_MS: i64 = 10_000;

/// What commands are sent over. The driver connects, and connects again, by itself.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    database: Database,
    timeout: Duration,
    pub(crate) documents_max: usize,
}

/// A document that was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteError {
    /// Which of those sent.
    pub(crate) index: usize,
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        Self::Refused { code: error.code, message: error.message }
    }
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Documents added, replaced or deleted.
    pub(crate) count: i64,
    pub(crate) errors: Vec<WriteError>,
}

/// A document that is written over what the query finds.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(crate) query: RawDocumentBuf,
    pub(crate) document: RawDocumentBuf,
    /// Whether it is added where nothing is found.
    pub(crate) adds: bool,
}

/// Documents that are looked for.
#[derive(Debug)]
pub(crate) struct Find {
    pub(crate) filter: RawDocumentBuf,
    pub(crate) sort: RawDocumentBuf,
    pub(crate) limit: usize,
}

impl Find {
    /// The next documents of a collection by id; all ids are texts, and none is empty.
    pub(crate) fn after(id: &str, limit: usize) -> Self {
        Self { filter: rawdoc! { "_id": { "$gt": id } }, sort: rawdoc! { "_id": 1 }, limit }
    }
}

impl Session {
    pub(crate) fn open(config: &MongoConfig) -> Result<Self, Fault> {
        let client = Client::with_options(config.client.clone())?;
        let database = client.database(&config.database);
        Ok(Self { database, timeout: config.command_timeout, documents_max: config.documents_max })
    }

    /// Sends a command and waits for the answer, but not for ever.
    pub(crate) async fn command(&self, command: RawDocumentBuf) -> Result<Document, Fault> {
        let answer = tokio::time::timeout(self.timeout, async { self.database.run_raw_command(command).await }).await;
        match answer {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Fault::Silent(self.timeout)),
        }
    }

    /// Adds documents, each for itself.
    pub(crate) async fn insert(&self, collection: &str, documents: Vec<RawDocumentBuf>) -> Result<Written, Fault> {
        written(&self.command(insert_command(collection, documents)).await?)
    }

    /// Replaces documents, each for itself.
    pub(crate) async fn replace(&self, collection: &str, statements: Vec<Replacement>) -> Result<Written, Fault> {
        written(&self.command(replace_command(collection, statements)).await?)
    }

    /// Deletes everything the query finds.
    pub(crate) async fn delete(&self, collection: &str, query: RawDocumentBuf) -> Result<Written, Fault> {
        let mut array = RawArrayBuf::new();
        array.push(rawdoc! { "q": query, "limit": 0 });
        let mut command = rawdoc! { "delete": collection, "ordered": true, "writeConcern": write_concern() };
        command.append(cstr!("deletes"), array);
        written(&self.command(command).await?)
    }

    /// Documents, from the member that takes the writes.
    pub(crate) async fn find(&self, collection: &str, find: Find) -> Result<Vec<Document>, Fault> {
        let limit = i64::try_from(find.limit).unwrap_or(i64::MAX);
        let command = rawdoc! {
            "find": collection, "filter": find.filter, "sort": find.sort,
            "limit": limit, "batchSize": limit, "singleBatch": true,
        };
        first_batch(self.command(command).await?)
    }

    /// Documents with these ids, in any order.
    pub(crate) async fn find_ids(
        &self,
        collection: &str,
        ids: impl Iterator<Item = &str>,
    ) -> Result<Vec<Document>, Fault> {
        let mut array = RawArrayBuf::new();
        let mut count = 0;
        for id in ids {
            array.push(id);
            count += 1;
        }
        let filter = rawdoc! { "_id": { "$in": array } };
        self.find(collection, Find { filter, sort: rawdoc! { "_id": 1 }, limit: count }).await
    }
}

/// Adds documents, each for itself.
pub(crate) fn insert_command(collection: &str, documents: Vec<RawDocumentBuf>) -> RawDocumentBuf {
    let mut array = RawArrayBuf::new();
    for document in documents {
        array.push(document);
    }
    let mut command = rawdoc! { "insert": collection, "ordered": false, "writeConcern": write_concern() };
    command.append(cstr!("documents"), array);
    command
}

/// Replaces documents, each for itself.
pub(crate) fn replace_command(collection: &str, statements: Vec<Replacement>) -> RawDocumentBuf {
    let mut array = RawArrayBuf::new();
    for Replacement { query, document, adds } in statements {
        array.push(rawdoc! { "q": query, "u": document, "upsert": adds, "multi": false });
    }
    let mut command = rawdoc! { "update": collection, "ordered": false, "writeConcern": write_concern() };
    command.append(cstr!("updates"), array);
    command
}

/// The documents of an answer that has them all.
pub(crate) fn first_batch(mut answer: Document) -> Result<Vec<Document>, Fault> {
    let Some(Bson::Document(mut cursor)) = answer.remove("cursor") else { return Err(strange("no cursor", &answer)) };
    let Some(Bson::Array(batch)) = cursor.remove("firstBatch") else { return Err(strange("no documents", &cursor)) };
    let document = |found| {
        let Bson::Document(document) = found else {
            return Err(Fault::Answer(format!("{found:?} is not a document")));
        };
        Ok(document)
    };
    batch.into_iter().map(document).collect()
}

/// On the disks of most members before the answer.
fn write_concern() -> RawDocumentBuf {
    rawdoc! { "w": "majority", "j": true, "wtimeout": REPLICATION_WAIT_MS }
}

fn written(answer: &Document) -> Result<Written, Fault> {
    let count = answer.get("n").and_then(number).ok_or_else(|| strange("no count", answer))?;
    let mut errors = Vec::new();
    if let Some(Bson::Array(list)) = answer.get("writeErrors") {
        for error in list {
            errors.push(write_error(error).ok_or_else(|| strange("an error", answer))?);
        }
    }
    if let Some(late) = answer.get("writeConcernError") {
        return Err(Fault::NotReplicated(late.to_string()));
    }
    Ok(Written { count, errors })
}

fn write_error(error: &Bson) -> Option<WriteError> {
    let error = error.as_document()?;
    let index = usize::try_from(number(error.get("index")?)?).ok()?;
    let code = error.get("code").and_then(number).unwrap_or(0);
    Some(WriteError { index, code, message: error.get_str("errmsg").unwrap_or_default().to_owned() })
}

fn strange(what: &str, answer: &Document) -> Fault {
    Fault::Answer(format!("{what} in {answer}"))
}
