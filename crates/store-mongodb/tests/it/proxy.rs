//! What lies between a store and its server, and can fail there: it understands which messages are writes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::bson::raw::RawDocument;
use mongodb::bson::{Bson, Document, doc, rawdoc};

const HEADER_BYTES: usize = 16;
const OP_MSG: i32 = 2013;

/// What happens to a write when the count of writes has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is refused with an error that passes, and so are all after it.
    Refused,
    /// The server is asked too much: every second document of it is done, and the others are refused with an error that passes.
    Throttled,
    /// It is done, and the connection breaks before the answer.
    CutAfterwards,
    /// It is done, and there is no answer.
    Silent,
}

#[derive(Debug, Default)]
struct Plan {
    failure: Option<(u64, Failure)>,
}

/// Accepts connections and passes on what is said, one message after the other.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let shared = Arc::clone(&plan);
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else {
                    drop(client.shutdown(Shutdown::Both));
                    continue;
                };
                let plan = Arc::clone(&shared);
                std::thread::spawn(move || converse(client, server, &plan));
            }
        });
        Self { address, plan }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// So many more writes go through, and then one fails; none: all go through.
    pub(crate) fn fail_after(&self, failure: Option<(u64, Failure)>) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).failure = failure;
    }
}

/// Until either side goes.
fn converse(mut client: TcpStream, mut server: TcpStream, plan: &Mutex<Plan>) -> Option<()> {
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    loop {
        let message = read_message(&mut client)?;
        let failure = if is_write(&message) { next_failure(plan) } else { None };
        if failure == Some(Failure::Refused) {
            client.write_all(&refusal(&message)).ok()?;
            continue;
        }
        if failure == Some(Failure::Throttled) {
            let (kept, refused) = halve(&message);
            server.write_all(&kept).ok()?;
            client.write_all(&with_errors(&read_message(&mut server)?, &refused)).ok()?;
            continue;
        }
        server.write_all(&message).ok()?;
        let answer = read_message(&mut server)?;
        match failure {
            Some(Failure::CutAfterwards) => return None,
            Some(Failure::Silent) => {}
            Some(Failure::Refused | Failure::Throttled) | None => client.write_all(&answer).ok()?,
        }
    }
}

fn next_failure(plan: &Mutex<Plan>) -> Option<Failure> {
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let (left, failure) = plan.failure.as_mut()?;
    if *left > 0 {
        *left -= 1;
        return None;
    }
    let failure = *failure;
    if failure != Failure::Refused {
        plan.failure = None;
    }
    Some(failure)
}

fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = vec![0; HEADER_BYTES];
    stream.read_exact(&mut message).ok()?;
    let length = usize::try_from(word(&message, 0)).ok()?;
    message.resize(length, 0);
    stream.read_exact(&mut message[HEADER_BYTES..]).ok()?;
    Some(message)
}

fn word(message: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(message[at..at + 4].try_into().unwrap())
}

/// Whether a message is a command that writes documents.
fn is_write(message: &[u8]) -> bool {
    if word(message, 12) != OP_MSG {
        return false;
    }
    let command = RawDocument::from_bytes(body(message)).unwrap();
    let name = command.iter().next().unwrap().unwrap().0;
    ["insert", "update", "delete"].contains(&name.as_str())
}

/// What a message says, after its flags and the kind of the first section.
fn body(message: &[u8]) -> &[u8] {
    let body = &message[HEADER_BYTES + 5..];
    &body[..usize::try_from(word(body, 0)).unwrap()]
}

fn refusal(message: &[u8]) -> Vec<u8> {
    let body = rawdoc! { "ok": 0.0, "code": 262, "codeName": "ExceededTimeLimit", "errmsg": "fuse has blown" };
    message_of(1, word(message, 4), body.as_bytes())
}

fn message_of(id: i32, answers: i32, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(HEADER_BYTES + 5 + body.len()).unwrap();
    let mut message = Vec::new();
    for part in [length, id, answers, OP_MSG, 0] {
        message.extend(part.to_le_bytes());
    }
    message.push(0);
    message.extend(body);
    message
}

/// A command with every second of its documents, from the first on, and the places of the others.
fn halve(message: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut command = Document::from_reader(body(message)).unwrap();
    let list = ["documents", "updates", "deletes"].into_iter().find(|list| command.contains_key(list)).unwrap();
    let all = command.get_array(list).unwrap();
    let refused = (0..all.len()).filter(|place| place % 2 == 1).collect();
    let kept: Vec<Bson> = all.iter().step_by(2).cloned().collect();
    command.insert(list, kept);
    (message_of(word(message, 4), 0, &command.to_vec().unwrap()), refused)
}

/// An answer that says in addition that these documents were not written.
fn with_errors(answer: &[u8], places: &[usize]) -> Vec<u8> {
    let mut document = Document::from_reader(body(answer)).unwrap();
    let error = |place: &usize| {
        let index = i32::try_from(*place).unwrap();
        Bson::from(doc! { "index": index, "code": 16_500, "errmsg": "request rate is too large" })
    };
    if !places.is_empty() {
        document.insert("writeErrors", places.iter().map(error).collect::<Vec<_>>());
    }
    message_of(word(answer, 4), word(answer, 8), &document.to_vec().unwrap())
}
