//! Requests to the service, and what it answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use domain::units::Seq;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{Item, Key, PK, SEQ, SK, number, string};

/// Items in one `BatchWriteItem`.
const BATCH_WRITE_MAX: usize = 25;
/// Items in one `BatchGetItem`.
const BATCH_GET_MAX: usize = 100;
/// First pause of a service that puts something off; doubled with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(25);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What requests are sent with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    prefix: String,
    patience: Duration,
    /// Thousandths of write units that the service has counted.
    consumed: AtomicU64,
}

/// What must be true of the item that is there for another to be written over it.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    expression: &'static str,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Condition {
    /// There is none.
    pub(crate) fn absent() -> Self {
        let names = HashMap::from([("#pk".to_owned(), PK.to_owned())]);
        Self { expression: "attribute_not_exists(#pk)", names, values: HashMap::new() }
    }

    /// An expression over `#a`, `#b`, … and `:a`, `:b`, …: attributes, and what they are compared with.
    pub(crate) fn of(expression: &'static str, compared: Vec<(&str, AttributeValue)>) -> Self {
        let (mut names, mut values) = (HashMap::new(), HashMap::new());
        for (letter, (name, value)) in ('a'..='z').zip(compared) {
            names.insert(format!("#{letter}"), name.to_owned());
            values.insert(format!(":{letter}"), value);
        }
        if expression.contains("#pk") {
            names.insert("#pk".to_owned(), PK.to_owned());
        }
        Self { expression, names, values }
    }
}

/// What came of a conditional write.
#[derive(Debug)]
pub(crate) enum Put {
    Written,
    /// The condition does not hold of what is there.
    There(Item),
}

/// Which items of a partition, and in which order of `sk`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range {
    /// Not before this one; absent: from the first.
    pub(crate) from: Option<String>,
    /// Not after this one; absent: through the last.
    pub(crate) to: Option<String>,
    /// From the last to the first.
    pub(crate) backward: bool,
    /// At most so many in one answer.
    pub(crate) limit: Option<usize>,
}

/// What is wanted of a whole table. The service reads all of it either way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scan {
    /// Every item.
    Whole,
    /// Every item's key.
    Keys,
    /// The keys of items that a later command wrote.
    KeysLater(Seq),
}

/// Items, and where to go on; absent: there are no more.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Option<Key>,
}

impl Session {
    pub(crate) async fn open(config: &DynamoConfig) -> Self {
        let (prefix, patience) = (config.prefix.clone(), config.patience);
        Self { client: config.client().await, prefix, patience, consumed: AtomicU64::default() }
    }

    /// The whole name of a table.
    pub(crate) fn table(&self, table: &str) -> String {
        format!("{}.{table}", self.prefix)
    }

    /// Write units that the service has counted so far.
    pub(crate) fn consumed(&self) -> f64 {
        let thousandths = self.consumed.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let consumed = thousandths as f64 / 1_000.0;
        consumed
    }

    /// Writes an item whole, if the condition holds.
    pub(crate) async fn put(&self, table: &'static str, item: Item, condition: Condition) -> Result<Put, Fault> {
        self.patiently(async || {
            let Condition { expression, names, values } = condition.clone();
            let request = self.client.put_item().table_name(self.table(table)).set_item(Some(item.clone()));
            let request = request.condition_expression(expression).set_expression_attribute_names(Some(names));
            let request = request.set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()));
            let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
                Ok(answer) => {
                    self.count(answer.consumed_capacity());
                    Ok(Put::Written)
                }
                Err(error) => {
                    if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
                        return Ok(Put::There(failed.item().cloned().unwrap_or_default()));
                    }
                    Err(error.into())
                }
            }
        })
        .await
    }

    /// Writes items of a table whatever is there, until the service has taken them all.
    pub(crate) async fn put_all(&self, table: &'static str, items: Vec<Item>) -> Result<(), Fault> {
        let put = |item| {
            let request = PutRequest::builder().set_item(Some(item)).build()?;
            Ok(WriteRequest::builder().put_request(request).build())
        };
        self.write_all(table, items.into_iter().map(put).collect::<Result<_, Fault>>()?).await
    }

    /// Deletes items of a table until the service has done it to all.
    pub(crate) async fn delete_all(&self, table: &'static str, keys: Vec<Key>) -> Result<(), Fault> {
        let delete = |key: Key| {
            let request = DeleteRequest::builder().set_key(Some(key.item())).build()?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        self.write_all(table, keys.into_iter().map(delete).collect::<Result<_, Fault>>()?).await
    }

    async fn write_all(&self, table: &'static str, requests: Vec<WriteRequest>) -> Result<(), Fault> {
        let mut left = requests;
        let mut pause = Pause::new(self.patience);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH_WRITE_MAX));
            let sent = left.len();
            let undone = self.write_batch(table, std::mem::take(&mut left)).await?;
            if undone.len() < sent {
                pause = Pause::new(self.patience);
            }
            if !undone.is_empty() {
                pause.wait().await?;
            }
            // Whatever was not done comes first.
            left = undone;
            left.extend(rest);
        }
        Ok(())
    }

    /// Sends one batch; what of it the service put off.
    async fn write_batch(&self, table: &'static str, batch: Vec<WriteRequest>) -> Result<Vec<WriteRequest>, Fault> {
        let table = self.table(table);
        let request = self.client.batch_write_item().request_items(&table, batch.clone());
        match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(answer) => {
                answer.consumed_capacity().iter().for_each(|consumed| self.count(Some(consumed)));
                Ok(answer.unprocessed_items.and_then(|mut items| items.remove(&table)).unwrap_or_default())
            }
            Err(error) => {
                let fault = Fault::from(error);
                // Nothing of it was done, or what was done is done again.
                if fault.is_throttled() { Ok(batch) } else { Err(fault) }
            }
        }
    }

    /// Items with these keys, those that there are, in any order, as they are now. The keys are of one table.
    pub(crate) async fn get_all(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<(Key, Item)>, Fault> {
        let mut keys = keys.into_iter().peekable();
        let Some(Key { table: of, .. }) = keys.peek() else { return Ok(Vec::new()) };
        let (of, table) = (*of, self.table(of));
        let mut left: Vec<Item> = keys.map(|key| key.item()).collect();
        let mut found = Vec::new();
        let mut pause = Pause::new(self.patience);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH_GET_MAX));
            let sent = left.len();
            let keys = KeysAndAttributes::builder().set_keys(Some(left.clone())).consistent_read(true).build()?;
            let undone = match self.client.batch_get_item().request_items(&table, keys).send().await {
                Ok(mut answer) => {
                    let items = answer.responses.as_mut().and_then(|tables| tables.remove(&table));
                    for item in items.unwrap_or_default() {
                        found.push((Key::of_item(of, &item)?, item));
                    }
                    let undone = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&table));
                    undone.map(|keys| keys.keys).unwrap_or_default()
                }
                Err(error) => {
                    let fault = Fault::from(error);
                    if !fault.is_throttled() {
                        return Err(fault);
                    }
                    left
                }
            };
            if undone.len() < sent {
                pause = Pause::new(self.patience);
            }
            // An answer has 16 MB at most: large items are given back without the service being busy.
            if undone.len() == sent {
                pause.wait().await?;
            }
            left = undone;
            left.extend(rest);
        }
        Ok(found)
    }

    /// One item, as it is now.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>, Fault> {
        self.patiently(async || {
            let request = self.client.get_item().table_name(self.table(key.table)).set_key(Some(key.item()));
            Ok(request.consistent_read(true).send().await?.item)
        })
        .await
    }

    /// Items of a partition, after one of them; no more than one answer holds.
    pub(crate) async fn query(
        &self,
        table: &'static str,
        pk: &str,
        range: &Range,
        after: Option<&Key>,
    ) -> Result<Answer, Fault> {
        let limit = range.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        self.patiently(async || {
            let request = self.client.query().table_name(self.table(table)).consistent_read(true);
            let mut request = request
                .scan_index_forward(!range.backward)
                .set_limit(limit)
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":pk", string(pk));
            if range.from.is_some() || range.to.is_some() {
                request = request.expression_attribute_names("#sk", SK);
            }
            if let Some(from) = &range.from {
                request = request.expression_attribute_values(":from", string(from));
            }
            if let Some(to) = &range.to {
                request = request.expression_attribute_values(":to", string(to));
            }
            let expression = match (&range.from, &range.to) {
                (None, None) => "#pk = :pk",
                (Some(_), None) => "#pk = :pk AND #sk >= :from",
                (None, Some(_)) => "#pk = :pk AND #sk <= :to",
                (Some(_), Some(_)) => "#pk = :pk AND #sk BETWEEN :from AND :to",
            };
            let request = request.key_condition_expression(expression);
            let answer = request.set_exclusive_start_key(after.map(Key::item)).send().await?;
            let next = answer.last_evaluated_key.as_ref().map(|key| Key::of_item(table, key)).transpose()?;
            Ok(Answer { items: answer.items.unwrap_or_default(), next })
        })
        .await
    }

    /// All items of a partition.
    pub(crate) async fn query_all(&self, table: &'static str, pk: &str, range: &Range) -> Result<Vec<Item>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let Answer { items, next } = self.query(table, pk, range, after.as_ref()).await?;
            all.extend(items);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Items of a table, whichever partition they are in, after one of them; no more than one answer holds.
    pub(crate) async fn scan(&self, table: &'static str, of: &Scan, after: Option<&Key>) -> Result<Answer, Fault> {
        self.patiently(async || {
            let mut request = self.client.scan().table_name(self.table(table)).consistent_read(true);
            if !matches!(of, Scan::Whole) {
                request = request.projection_expression("#pk, #sk");
                request = request.expression_attribute_names("#pk", PK).expression_attribute_names("#sk", SK);
            }
            if let Scan::KeysLater(seq) = of {
                request = request.filter_expression("#seq > :seq").expression_attribute_names("#seq", SEQ);
                request = request.expression_attribute_values(":seq", number(seq.0));
            }
            let answer = request.set_exclusive_start_key(after.map(Key::item)).send().await?;
            let next = answer.last_evaluated_key.as_ref().map(|key| Key::of_item(table, key)).transpose()?;
            Ok(Answer { items: answer.items.unwrap_or_default(), next })
        })
        .await
    }

    /// Asks again while the service has too much to do.
    async fn patiently<T>(&self, mut ask: impl AsyncFnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        let mut pause = Pause::new(self.patience);
        loop {
            match ask().await {
                Err(fault) if fault.is_throttled() => pause.wait().await?,
                answer => return answer,
            }
        }
    }

    fn count(&self, consumed: Option<&ConsumedCapacity>) {
        let units = consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number of units")]
        self.consumed.fetch_add((units * 1_000.0).round().max(0.0) as u64, Ordering::Relaxed);
    }
}

/// Longer each time, but not for ever.
struct Pause {
    next: Duration,
    patience: Duration,
    begun: Instant,
}

impl Pause {
    fn new(patience: Duration) -> Self {
        Self { next: PAUSE_MIN, patience, begun: Instant::now() }
    }

    async fn wait(&mut self) -> Result<(), Fault> {
        if self.begun.elapsed() + self.next > self.patience {
            return Err(Fault::PutOff(self.patience));
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(PAUSE_MAX);
        Ok(())
    }
}
