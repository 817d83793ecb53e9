//! Commands to the server, and what it answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::units::Seq;
use mongodb::bson::raw::{RawArrayBuf, RawDocumentBuf, cstr};
use mongodb::bson::{Bson, Document, rawdoc};
use mongodb::{Client, Database};
use tokio::task::JoinHandle;

use crate::config::MongoConfig;
use crate::encode::number;
use crate::fault::Fault;

/// How much of the time that a command may take the server has for it, in percent. It must have given up when the client does: what it
/// goes on with would be done to rows that others have written since.
const SERVER_PERCENT: u32 = 90;
/// How much of that it may, in percent of all, wait for other members before it says that they are late.
const REPLICATION_PERCENT: u32 = 30;
/// How long a command may take that is not waited for.
const LONG_MAX: Duration = Duration::from_hours(48);
/// When it is said that it takes long.
const LONG: Duration = Duration::from_secs(1);

/// Commands that were sent, by what they do.
type Running = BTreeMap<String, JoinHandle<Result<Document, Fault>>>;

/// What commands are sent over. The driver connects, and connects again, by itself.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    database: Database,
    pub(crate) timeout: Duration,
    pub(crate) documents_max: usize,
    /// Those that nobody waits for at present.
    long: Arc<Mutex<Running>>,
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
        let (timeout, documents_max) = (config.command_timeout, config.documents_max);
        Ok(Self { database, timeout, documents_max, long: Arc::default() })
    }

    /// Sends a command and waits for the answer, but not for ever.
    pub(crate) async fn command(&self, command: RawDocumentBuf) -> Result<Document, Fault> {
        self.send(command, self.timeout, SERVER_PERCENT).await
    }

    /// Sends a command of which the server may work on for so much of the time.
    async fn send(
        &self,
        mut command: RawDocumentBuf,
        timeout: Duration,
        server_percent: u32,
    ) -> Result<Document, Fault> {
        command.append(cstr!("maxTimeMS"), millis(timeout, server_percent));
        match tokio::time::timeout(timeout, async { self.database.run_raw_command(command).await }).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Fault::Silent(timeout)),
        }
    }

    /// Sends a command that may take hours, and waits for it as long as said, or to its end. Whoever asks again for the same waits
    /// again for the one that was sent.
    pub(crate) async fn long_command(
        &self,
        what: &str,
        command: RawDocumentBuf,
        patience: Option<Duration>,
    ) -> Result<Option<Document>, Fault> {
        let running = self.running().remove(what);
        let mut running = running.unwrap_or_else(|| {
            let (session, what) = (self.clone(), what.to_owned());
            tokio::spawn(async move { session.send_long(&what, command).await })
        });
        let answer = tokio::time::timeout(patience.unwrap_or(LONG_MAX), &mut running).await;
        let Ok(answer) = answer else {
            self.running().insert(what.to_owned(), running);
            return Ok(None);
        };
        answer.map_err(|error| Fault::Misuse(format!("{what}: {error}")))?.map(Some)
    }

    async fn send_long(&self, what: &str, command: RawDocumentBuf) -> Result<Document, Fault> {
        let mut sent = std::pin::pin!(self.send(command, LONG_MAX, SERVER_PERCENT));
        if let Ok(answer) = tokio::time::timeout(LONG, &mut sent).await {
            return answer;
        }
        tracing::info!(database = self.database.name(), "being built, which takes long on a large collection: {what}");
        let answer = sent.await;
        if answer.is_ok() {
            tracing::info!(database = self.database.name(), "built: {what}");
        }
        answer
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.long.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command that writes; the server waits for other members after its work.
    async fn write(&self, mut command: RawDocumentBuf) -> Result<Written, Fault> {
        let wait = millis(self.timeout, REPLICATION_PERCENT);
        command.append(cstr!("writeConcern"), rawdoc! { "w": "majority", "j": true, "wtimeout": wait });
        written(&self.send(command, self.timeout, SERVER_PERCENT - REPLICATION_PERCENT).await?)
    }

    /// Adds documents, each for itself.
    pub(crate) async fn insert(&self, collection: &str, documents: Vec<RawDocumentBuf>) -> Result<Written, Fault> {
        self.write(insert_command(collection, documents)).await
    }

    /// Replaces documents, each for itself.
    pub(crate) async fn replace(&self, collection: &str, statements: Vec<Replacement>) -> Result<Written, Fault> {
        self.write(replace_command(collection, statements)).await
    }

    /// Deletes everything the query finds. It should name no more ids than the server deletes in good time.
    pub(crate) async fn delete(&self, collection: &str, query: RawDocumentBuf) -> Result<Written, Fault> {
        let mut array = RawArrayBuf::new();
        array.push(rawdoc! { "q": query, "limit": 0 });
        let mut command = rawdoc! { "delete": collection, "ordered": true };
        command.append(cstr!("deletes"), array);
        self.write(command).await
    }

    /// Documents, from the member that takes the writes.
    pub(crate) async fn find(&self, collection: &str, find: Find) -> Result<Vec<Document>, Fault> {
        self.find_within(collection, find, self.timeout).await
    }

    /// The same, where there is no more time than this.
    pub(crate) async fn find_within(
        &self,
        collection: &str,
        find: Find,
        left: Duration,
    ) -> Result<Vec<Document>, Fault> {
        let command = find_command(collection, find);
        first_batch(self.send(command, self.timeout.min(left), SERVER_PERCENT).await?)
    }

    /// Id and sequence of the next documents of a collection by id.
    pub(crate) async fn heads(&self, collection: &str, after: &str) -> Result<Vec<(String, Seq)>, Fault> {
        let mut command = find_command(collection, Find::after(after, self.documents_max));
        command.append(cstr!("projection"), rawdoc! { "_id": 1, "seq": 1 });
        let head = |found: Document| {
            let seq = found.get("seq").and_then(number).ok_or_else(|| strange("no sequence", &found))?;
            let id = found.get_str("_id").map_err(|_other| strange("an id that is no text", &found))?;
            Ok((id.to_owned(), Seq(seq.cast_unsigned())))
        };
        first_batch(self.command(command).await?)?.into_iter().map(head).collect()
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
    let mut command = rawdoc! { "insert": collection, "ordered": false };
    command.append(cstr!("documents"), array);
    command
}

/// Replaces documents, each for itself.
pub(crate) fn replace_command(collection: &str, statements: Vec<Replacement>) -> RawDocumentBuf {
    let mut array = RawArrayBuf::new();
    for Replacement { query, document, adds } in statements {
        array.push(rawdoc! { "q": query, "u": document, "upsert": adds, "multi": false });
    }
    let mut command = rawdoc! { "update": collection, "ordered": false };
    command.append(cstr!("updates"), array);
    command
}

fn find_command(collection: &str, find: Find) -> RawDocumentBuf {
    let limit = i64::try_from(find.limit).unwrap_or(i64::MAX);
    rawdoc! {
        "find": collection, "filter": find.filter, "sort": find.sort,
        "limit": limit, "batchSize": limit, "singleBatch": true,
    }
}

/// The documents of an answer that has them all.
pub(crate) fn first_batch(mut answer: Document) -> Result<Vec<Document>, Fault> {
    let Some(Bson::Document(mut cursor)) = answer.remove("cursor") else { return Err(strange("no cursor", &answer)) };
    let Some(Bson::Array(batch)) = cursor.remove("firstBatch") else { return Err(strange("no documents", &cursor)) };
    let document = |found| {
        let Bson::Document(document) = found else {
            return Err(Fault::Answer(format!("{found} is not a document")));
        };
        Ok(document)
    };
    batch.into_iter().map(document).collect()
}

/// So much of a time, as a server is told it; nothing would be no limit.
fn millis(time: Duration, percent: u32) -> i64 {
    let part = time.saturating_mul(percent) / 100;
    i64::try_from(part.as_millis()).unwrap_or(i64::MAX).max(1)
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
