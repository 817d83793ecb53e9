//! A client that signs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::http::{Answer, Connection};

/// An API key of the HMAC kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Goes with every request.
    pub api_key: String,
    /// Signs it.
    pub secret: String,
}

/// One user's connection to one venue. It is opened when it is needed, and again after an error.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    /// Where it connects from; absent: as the system likes.
    source: Option<IpAddr>,
    key: Key,
    connection: Option<Connection>,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(address: SocketAddr, key: &Key) -> Self {
        Self { address, source: None, key: key.clone(), connection: None }
    }

    /// The same, connecting from an address of this machine's.
    #[must_use]
    pub fn from_address(self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Asks with a signed query. After an error nobody knows whether the venue has had the request.
    pub fn ask(&mut self, method: &str, path: &str, query: &str) -> io::Result<Answer> {
        let target = self.sign(path, query);
        self.repeat(method, &target)
    }

    /// A request that can be made more than once: its path with the signed query.
    pub fn sign(&self, path: &str, query: &str) -> String {
        self.target(path, query, "")
    }

    /// Asks with what [`Client::sign`] made.
    pub fn repeat(&mut self, method: &str, target: &str) -> io::Result<Answer> {
        let result = self.connection()?.ask(method, target, "");
        self.keep(result)
    }

    /// Sends without waiting; the answers come from [`Client::hear`] in the same order.
    pub fn send(&mut self, method: &str, path: &str, query: &str) -> io::Result<()> {
        let target = self.target(path, query, "");
        let result = self.connection()?.send(method, &target, "");
        self.keep(result)
    }

    /// The answer to the oldest request that was sent.
    pub fn hear(&mut self) -> io::Result<Answer> {
        let result = self.connection()?.hear();
        self.keep(result)
    }

    /// Asks, and takes nothing but a success for an answer.
    pub fn get(&mut self, path: &str, query: &str) -> anyhow::Result<Value> {
        let answer = self.ask("GET", path, query).with_context(|| format!("GET {path}"))?;
        anyhow::ensure!(answer.status == 200, "GET {path} {query}: {} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// Asks for what everybody may know, without a signature, and takes nothing but a success for an answer.
    pub fn look(&mut self, target: &str) -> anyhow::Result<Value> {
        let result = self.connection()?.ask("GET", target, "");
        let answer = self.keep(result).with_context(|| format!("GET {target}"))?;
        anyhow::ensure!(answer.status == 200, "GET {target}: {} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// A request of the administration, with a JSON body, whatever the venue says to it.
    pub fn request(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        let body = body.to_string();
        let target = self.target(&format!("/v1/admin/{path}"), "", &body);
        let result = self.connection()?.ask("POST", &target, &body);
        self.keep(result)
    }

    /// The same, and takes nothing but a success for an answer.
    pub fn admin(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.request(path, body).with_context(|| format!("POST {path}"))?;
        anyhow::ensure!(answer.status == 200, "POST {path} {body}: {} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// Path and signed query. The time is in microseconds, so that the same request asked again has another signature.
    fn target(&self, path: &str, query: &str, body: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let separator = if query.is_empty() { "" } else { "&" };
        let query = format!("{query}{separator}timestamp={now}&recvWindow=60000");
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(query.as_bytes());
        mac.update(body.as_bytes());
        format!("{path}?{query}&signature={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn connection(&mut self) -> io::Result<&mut Connection> {
        if self.connection.is_none() {
            let api_key = &self.key.api_key;
            self.connection = Some(match self.source {
                Some(source) => Connection::open_from(source, self.address, api_key)?,
                None => Connection::open(self.address, api_key)?,
            });
        }
        Ok(self.connection.as_mut().expect("opened above"))
    }

    /// A connection is not used again after an error: the next answer on it could be to the last request.
    fn keep<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.connection = None;
        }
        result
    }
}
