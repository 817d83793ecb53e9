//! What lies between a store and the service, and can fail there: it understands what is asked, and counts it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// How long something is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const WRITES: [&str; 3] = ["PutItem", "BatchWriteItem", "DeleteItem"];

/// What happens to a write when the count of writes has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is refused with an error that is not of the service's load, and so are all after it.
    Refused,
    /// It is refused because there is too much to do; the next one goes.
    Throttled,
    /// Of several items of one request only the first is written, the others are given back.
    Partial,
    /// It is done, and the connection breaks before the answer.
    CutAfterwards,
    /// It is done, and there is no answer.
    Silent,
    /// It is not passed on before it is let go, and neither are those after it.
    Held,
    /// It is done twice; the second answer is given.
    Twice,
}

#[derive(Debug, Default)]
struct Plan {
    failure: Option<(u64, Failure)>,
    /// Again after so many writes.
    every: Option<u64>,
    /// Other requests than writes, by their name.
    of: Option<&'static str>,
    failed: u64,
    held: u64,
    asked: BTreeMap<String, u64>,
}

impl Plan {
    fn is_meant(&self, name: &str) -> bool {
        self.of.map_or_else(|| WRITES.contains(&name), |of| of == name)
    }
}

/// What was planned, for whoever waits for a change of it.
#[derive(Debug, Default)]
struct Shared {
    plan: Mutex<Plan>,
    changed: Condvar,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, holds: impl Fn(&Plan) -> bool) {
        let waited = self.changed.wait_timeout_while(self.plan(), PATIENCE, |plan| !holds(plan));
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "nothing came");
    }
}

/// Accepts connections and passes on what is said, one request after the other.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn new(service: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<Shared> = Arc::default();
        let of_listener = Arc::clone(&shared);
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(service) = TcpStream::connect(service) else {
                    drop(client.shutdown(Shutdown::Both));
                    continue;
                };
                let shared = Arc::clone(&of_listener);
                std::thread::spawn(move || converse(client, service, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// So many more writes go through, and then one fails; none: all go through.
    pub(crate) fn fail_after(&self, failure: Option<(u64, Failure)>) {
        let mut plan = self.shared.plan();
        (plan.failure, plan.every, plan.of, plan.held) = (failure, None, None, 0);
        self.shared.changed.notify_all();
    }

    /// One of so many writes fails, from now on.
    pub(crate) fn fail_every(&self, writes: u64, failure: Failure) {
        let mut plan = self.shared.plan();
        (plan.failure, plan.every, plan.of, plan.failed) = (Some((writes, failure)), Some(writes), None, 0);
    }

    /// All requests of this name fail, from now on.
    pub(crate) fn fail_all(&self, of: &'static str, failure: Failure) {
        self.fail_every(0, failure);
        self.shared.plan().of = Some(of);
    }

    /// How many writes have failed since.
    pub(crate) fn failed(&self) -> u64 {
        self.shared.plan().failed
    }

    /// Waits until a write is held back.
    pub(crate) fn until_held(&self) {
        self.shared.until(|plan| plan.held > 0);
    }

    /// How many requests of this name there were so far.
    pub(crate) fn asked(&self, name: &str) -> u64 {
        self.shared.plan().asked.get(name).copied().unwrap_or(0)
    }
}

/// A request or an answer.
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

/// Until either side goes.
fn converse(client: TcpStream, service: TcpStream, shared: &Shared) -> Option<()> {
    for stream in [&client, &service] {
        stream.set_nodelay(true).ok()?;
    }
    let (mut to_client, mut to_service) = (client.try_clone().ok()?, service.try_clone().ok()?);
    let (mut from_client, mut from_service) = (BufReader::new(client), BufReader::new(service));
    loop {
        let request = read(&mut from_client)?;
        let parts = split(&request);
        let failure = next_failure(shared, &name_of(&request), parts.is_some());
        let held = match failure {
            Some(Failure::Refused) => {
                to_client.write_all(&refusal("TransactionInProgressException")).ok()?;
                continue;
            }
            Some(Failure::Throttled) => {
                to_client.write_all(&refusal("ProvisionedThroughputExceededException")).ok()?;
                continue;
            }
            Some(Failure::Partial) => parts,
            Some(Failure::Held) => {
                shared.until(|plan| plan.failure.is_none());
                None
            }
            Some(Failure::Twice) => {
                to_service.write_all(&request.head).ok()?;
                to_service.write_all(&request.body).ok()?;
                read(&mut from_service)?;
                None
            }
            Some(Failure::CutAfterwards | Failure::Silent) | None => None,
        };
        let body = held.as_ref().map_or(&request.body, |(kept, _)| kept);
        to_service.write_all(&with_length(&request.head, body.len())).ok()?;
        to_service.write_all(body).ok()?;
        let mut answer = read(&mut from_service)?;
        if let Some((_, held)) = held {
            let mut value: Value = serde_json::from_slice(&answer.body).ok()?;
            value["UnprocessedItems"] = held;
            answer.body = value.to_string().into_bytes();
            answer.head = without_checksum(&answer.head);
        }
        match failure {
            Some(Failure::CutAfterwards) => return None,
            Some(Failure::Silent) => {}
            _ => {
                to_client.write_all(&with_length(&answer.head, answer.body.len())).ok()?;
                to_client.write_all(&answer.body).ok()?;
            }
        }
    }
}

fn next_failure(shared: &Shared, name: &str, has_parts: bool) -> Option<Failure> {
    let mut plan = shared.plan();
    *plan.asked.entry(name.to_owned()).or_default() += 1;
    if !plan.is_meant(name) {
        return None;
    }
    let every = plan.every;
    let (left, failure) = plan.failure.as_mut()?;
    if *failure == Failure::Partial && !has_parts {
        return None;
    }
    if *left > 0 {
        *left -= 1;
        return None;
    }
    let failure = *failure;
    match every {
        Some(every) => plan.failure = Some((every, failure)),
        None if !matches!(failure, Failure::Refused | Failure::Held) => plan.failure = None,
        None => {}
    }
    plan.failed += 1;
    if failure == Failure::Held {
        plan.held += 1;
        shared.changed.notify_all();
    }
    Some(failure)
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Message> {
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).ok().filter(|read| *read > 0)?;
        let text = String::from_utf8_lossy(&line).to_lowercase();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        let ends = line == b"\r\n";
        head.extend(line);
        if ends {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Message { head, body })
}

/// What is asked.
fn name_of(request: &Message) -> String {
    let head = String::from_utf8_lossy(&request.head);
    let name = head.split_once("DynamoDB_20120810.").map_or("", |(_, rest)| rest);
    name.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// The first item of a batch, and the others as the service gives them back; absent: there is only one.
fn split(request: &Message) -> Option<(Vec<u8>, Value)> {
    let mut value: Value = serde_json::from_slice(&request.body).ok()?;
    let (table, items) = value.get_mut("RequestItems")?.as_object_mut()?.iter_mut().next()?;
    let (table, items) = (table.clone(), items.as_array_mut()?);
    if items.len() < 2 {
        return None;
    }
    let held = items.split_off(1);
    Some((value.to_string().into_bytes(), json!({ table: held })))
}

fn with_length(head: &[u8], length: usize) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let lines = head.split_inclusive("\r\n").map(|line| {
        if line.to_lowercase().starts_with("content-length:") {
            format!("content-length: {length}\r\n")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<String>().into_bytes()
}

/// What the service says of its own body does not hold of another.
fn without_checksum(head: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let lines = head.split_inclusive("\r\n").filter(|line| !line.to_lowercase().starts_with("x-amz-crc32:"));
    lines.collect::<String>().into_bytes()
}

fn refusal(code: &str) -> Vec<u8> {
    let body =
        json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "not now" }).to_string();
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
