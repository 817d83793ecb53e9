//! What lies between a store and its server, and can fail there: it understands which messages are writes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::raw::RawDocument;
use mongodb::bson::{Bson, Document, doc, rawdoc};

const HEADER_BYTES: usize = 16;
const OP_MSG: i32 = 2013;
const PATIENCE: Duration = Duration::from_mins(1);

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
    /// It is not done, and the answer is that there are other documents in the way.
    Vanished,
    /// The server gets it and is to be killed; neither this one is answered nor any after it.
    Killed,
}

#[derive(Debug, Default)]
struct Plan {
    failure: Option<(u64, Failure)>,
    /// Who kills the server.
    killer: Option<Sender<()>>,
    /// Such commands, of this collection, do not arrive.
    held: Option<(&'static str, &'static str)>,
    /// How many do not at present.
    waiting: u64,
    /// Commands that were sent.
    heard: Option<Vec<Document>>,
}

#[derive(Debug, Default)]
struct Shared {
    plan: Mutex<Plan>,
    changed: Condvar,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a message, and waits as long as it is held.
    fn hear(&self, message: &[u8]) {
        let Some(command) = command_of(message) else { return };
        let mut plan = self.plan();
        if let Some(heard) = &mut plan.heard {
            heard.push(Document::from_reader(body(message)).unwrap());
        }
        let is_held = |plan: &mut Plan| plan.held.is_some_and(|(name, of)| command == (name.into(), of.into()));
        if is_held(&mut plan) {
            plan.waiting += 1;
            self.changed.notify_all();
            plan = self.changed.wait_while(plan, is_held).unwrap_or_else(PoisonError::into_inner);
            plan.waiting -= 1;
        }
    }
}

/// Accepts connections and passes on what is said, one message after the other.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let of_all: Arc<Shared> = Arc::default();
        let shared = Arc::clone(&of_all);
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else {
                    drop(client.shutdown(Shutdown::Both));
                    continue;
                };
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || converse(client, server, &shared));
            }
        });
        Self { address, shared: of_all }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// So many more writes go through, and then one fails; none: all go through.
    pub(crate) fn fail_after(&self, failure: Option<(u64, Failure)>) {
        self.shared.plan().failure = failure;
    }

    /// So many more writes go through; the next one arrives at the server, and whoever waits here is to kill it.
    pub(crate) fn kill_after(&self, writes: u64) -> Receiver<()> {
        let (sender, killer) = channel();
        let mut plan = self.shared.plan();
        plan.failure = Some((writes, Failure::Killed));
        plan.killer = Some(sender);
        killer
    }

    /// Such commands, of this collection, do not arrive until they are let go (none).
    pub(crate) fn hold(&self, held: Option<(&'static str, &'static str)>) {
        self.shared.plan().held = held;
        self.shared.changed.notify_all();
    }

    /// Waits until a command is held.
    pub(crate) fn until_held(&self) {
        let none = |plan: &mut Plan| plan.waiting == 0;
        let waited = self.shared.changed.wait_timeout_while(self.shared.plan(), PATIENCE, none);
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "nobody sends such a command");
    }

    /// The commands that were sent while something was done.
    pub(crate) fn hear(&self, act: impl FnOnce()) -> Vec<Document> {
        self.shared.plan().heard = Some(Vec::new());
        act();
        self.shared.plan().heard.take().unwrap_or_default()
    }
}

/// Until either side goes.
fn converse(mut client: TcpStream, mut server: TcpStream, shared: &Shared) -> Option<()> {
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    loop {
        let message = read_message(&mut client)?;
        shared.hear(&message);
        let failure = if is_write(&message) { next_failure(shared) } else { None };
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
        if failure == Some(Failure::Vanished) {
            client.write_all(&all_in_the_way(&message)).ok()?;
            continue;
        }
        server.write_all(&message).ok()?;
        if failure == Some(Failure::Killed)
            && let Some(killer) = shared.plan().killer.take()
        {
            killer.send(()).ok()?;
        }
        let answer = read_message(&mut server)?;
        match failure {
            Some(Failure::CutAfterwards | Failure::Killed) => return None,
            Some(Failure::Silent) => {}
            Some(Failure::Refused | Failure::Throttled | Failure::Vanished) | None => client.write_all(&answer).ok()?,
        }
    }
}

fn next_failure(shared: &Shared) -> Option<Failure> {
    let mut plan = shared.plan();
    let (left, failure) = plan.failure.as_mut()?;
    if *left > 0 {
        *left -= 1;
        return None;
    }
    let failure = *failure;
    if !matches!(failure, Failure::Refused | Failure::Killed) {
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

/// The name of a command, and the collection that it is about, if any.
fn command_of(message: &[u8]) -> Option<(String, String)> {
    if word(message, 12) != OP_MSG {
        return None;
    }
    let command = RawDocument::from_bytes(body(message)).unwrap();
    let (name, of) = command.iter().next().unwrap().unwrap();
    Some((name.as_str().to_owned(), of.as_str().unwrap_or_default().to_owned()))
}

/// Whether a message is a command that writes documents.
fn is_write(message: &[u8]) -> bool {
    command_of(message).is_some_and(|(name, _)| ["insert", "update", "delete"].contains(&name.as_str()))
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

/// The answer that none of its documents were written, for there are others.
fn all_in_the_way(message: &[u8]) -> Vec<u8> {
    let command = Document::from_reader(body(message)).unwrap();
    let count = ["documents", "updates"].iter().find_map(|list| command.get_array(list).ok()).unwrap().len();
    let error = |place| doc! { "index": i32::try_from(place).unwrap(), "code": 11_000, "errmsg": "duplicate key" };
    let errors: Vec<Bson> = (0..count).map(|place| Bson::from(error(place))).collect();
    message_of(
        1,
        word(message, 4),
        &doc! { "ok": 1.0, "n": 0, "nModified": 0, "writeErrors": errors }.to_vec().unwrap(),
    )
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
