//! Requests to the service, and what it answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, WriteRequest,
};

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{Item, Key, PK, string};

/// Items in one `BatchWriteItem`.
pub(crate) const BATCH_WRITE_MAX: usize = 25;
/// Items in one `BatchGetItem`.
const BATCH_GET_MAX: usize = 100;
/// First pause of a service that puts something off; doubled with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(25);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What requests are sent with.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) table: String,
    patience: Duration,
    /// Thousandths of write units that the service has counted.
    consumed: Arc<AtomicU64>,
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

impl Session {
    pub(crate) async fn open(config: &DynamoConfig) -> Self {
        let (table, patience) = (config.table.clone(), config.patience);
        Self { client: config.client().await, table, patience, consumed: Arc::default() }
    }

    /// Write units that the service has counted so far.
    pub(crate) fn consumed(&self) -> f64 {
        let thousandths = self.consumed.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let consumed = thousandths as f64 / 1_000.0;
        consumed
    }

    /// Writes an item whole, if the condition holds.
    pub(crate) async fn put(&self, item: Item, condition: Condition) -> Result<Put, Fault> {
        self.patiently(async || {
            let Condition { expression, names, values } = condition.clone();
            let request = self.client.put_item().table_name(&self.table).set_item(Some(item.clone()));
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

    /// Writes items whatever is there, until the service has taken them all.
    pub(crate) async fn put_all(&self, items: Vec<Item>) -> Result<(), Fault> {
        let put = |item| Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build()?).build());
        self.write_all(items.into_iter().map(put).collect::<Result<_, Fault>>()?).await
    }

    /// Deletes items until the service has done it to all.
    pub(crate) async fn delete_all(&self, keys: Vec<Key>) -> Result<(), Fault> {
        let delete = |key: Key| {
            let request = DeleteRequest::builder().set_key(Some(key.item())).build()?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        self.write_all(keys.into_iter().map(delete).collect::<Result<_, Fault>>()?).await
    }

    async fn write_all(&self, requests: Vec<WriteRequest>) -> Result<(), Fault> {
        let mut left = requests;
        let mut pause = Pause::new(self.patience);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH_WRITE_MAX));
            let sent = left.len();
            let batch = std::mem::take(&mut left);
            let mut undone = self.write_batch(batch).await?;
            // Whatever was not done comes first, and after a pause.
            if undone.is_empty() {
                pause = Pause::new(self.patience);
            } else {
                if undone.len() < sent {
                    pause = Pause::new(self.patience);
                }
                pause.wait().await?;
            }
            undone.extend(rest);
            left = undone;
        }
        Ok(())
    }

    /// Sends one batch; what of it the service put off.
    async fn write_batch(&self, batch: Vec<WriteRequest>) -> Result<Vec<WriteRequest>, Fault> {
        let request = self.client.batch_write_item().request_items(&self.table, batch.clone());
        match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(answer) => {
                answer.consumed_capacity().iter().for_each(|consumed| self.count(Some(consumed)));
                Ok(answer.unprocessed_items.and_then(|mut items| items.remove(&self.table)).unwrap_or_default())
            }
            Err(error) => {
                let fault = Fault::from(error);
                // Nothing of it was done.
                if fault.is_throttled() { Ok(batch) } else { Err(fault) }
            }
        }
    }

    /// Items with these keys, those that there are, in any order, as they are now.
    pub(crate) async fn get_all(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Item>, Fault> {
        let mut left: Vec<Item> = keys.into_iter().map(|key| key.item()).collect();
        let mut found = Vec::new();
        let mut pause = Pause::new(self.patience);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH_GET_MAX));
            let keys = KeysAndAttributes::builder().set_keys(Some(left.clone())).consistent_read(true).build()?;
            let answer = self.client.batch_get_item().request_items(&self.table, keys).send().await;
            let undone = match answer {
                Ok(mut answer) => {
                    let items = answer.responses.as_mut().and_then(|tables| tables.remove(&self.table));
                    found.extend(items.unwrap_or_default());
                    let undone = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
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
            if undone.is_empty() {
                pause = Pause::new(self.patience);
            } else {
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
            let request = self.client.get_item().table_name(&self.table).set_key(Some(key.item())).consistent_read(true);
            Ok(request.send().await?.item)
        })
        .await
    }

    /// Items of a partition in the order of `sk`, after one or from an end on; no more than one answer holds, and where to go on.
    pub(crate) async fn query(
        &self,
        pk: &str,
        after: Option<&Key>,
        forward: bool,
        limit: Option<i32>,
    ) -> Result<(Vec<Item>, Option<Key>), Fault> {
        self.patiently(async || {
            let request = self.client.query().table_name(&self.table).consistent_read(true).scan_index_forward(forward);
            let request = request.key_condition_expression("#pk = :pk").expression_attribute_names("#pk", PK);
            let request = request.expression_attribute_values(":pk", string(pk)).set_limit(limit);
            let answer = request.set_exclusive_start_key(after.map(Key::item)).send().await?;
            let next = answer.last_evaluated_key.as_ref().map(Key::of_item).transpose()?;
            Ok((answer.items.unwrap_or_default(), next))
        })
        .await
    }

    /// All items of a partition.
    pub(crate) async fn query_all(&self, pk: &str) -> Result<Vec<Item>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (items, next) = self.query(pk, after.as_ref(), true, None).await?;
            all.extend(items);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// All items of the table whose partition key begins so: reads the whole table.
    pub(crate) async fn scan_all(&self, prefix: &str) -> Result<Vec<Item>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (items, next) = self
                .patiently(async || {
                    let request = self.client.scan().table_name(&self.table).consistent_read(true);
                    let request = request.filter_expression("begins_with(#pk, :pk)").expression_attribute_names("#pk", PK);
                    let request = request.expression_attribute_values(":pk", string(prefix));
                    let answer = request.set_exclusive_start_key(after.as_ref().map(Key::item)).send().await?;
                    let next = answer.last_evaluated_key.as_ref().map(Key::of_item).transpose()?;
                    Ok((answer.items.unwrap_or_default(), next))
                })
                .await?;
            all.extend(items);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
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

