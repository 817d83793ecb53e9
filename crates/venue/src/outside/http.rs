//! One keep-alive connection, without any library in between: what was sent and what was heard is exactly known.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::Value;

/// How long an answer is waited for. The venue gives up on itself earlier.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    api_key: String,
    heard: Vec<u8>,
}

/// What the venue said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The sequence it reflects; absent where there is none.
    pub sequence: Option<u64>,
    /// The body; `Null` if it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The code of an error answer.
    pub fn code(&self) -> Option<i64> {
        self.body["code"].as_i64()
    }
}

impl Connection {
    /// Connects; the key goes with every request.
    pub fn open(address: SocketAddr, api_key: &str) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?, api_key)
    }

    /// The same from an address of this machine's.
    pub fn open_from(source: IpAddr, address: SocketAddr, api_key: &str) -> io::Result<Self> {
        let family = if source.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket(family, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::new(source, 0))?;
        connect(&socket, &address)?;
        Self::over(TcpStream::from(socket), api_key)
    }

    fn over(stream: TcpStream, api_key: &str) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { stream, api_key: api_key.to_owned(), heard: Vec::new() })
    }

    /// Sends a request and waits for its answer. After an error nobody knows whether the venue has had the request.
    pub fn ask(&mut self, method: &str, target: &str, body: &str) -> io::Result<Answer> {
        self.send(method, target, body)?;
        self.hear()
    }

    /// Sends a request without waiting.
    pub fn send(&mut self, method: &str, target: &str, body: &str) -> io::Result<()> {
        let (api_key, length) = (&self.api_key, body.len());
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: venue\r\nX-MBX-APIKEY: {api_key}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes())
    }

    /// Waits for the answer of the oldest request that was sent.
    pub fn hear(&mut self) -> io::Result<Answer> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some((answer, length)) = parse(&self.heard)? {
                self.heard.drain(..length);
                return Ok(answer);
            }
            let read = match self.stream.read(&mut chunk) {
                Ok(read) => read,
                // A process that is stopped for a while and goes on comes out of a read with a time limit like this.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.heard.extend_from_slice(&chunk[..read]);
        }
    }
}

/// The first answer in what was heard, and how many bytes it took; absent while it is not whole.
fn parse(heard: &[u8]) -> io::Result<Option<(Answer, usize)>> {
    let Some(head_end) = heard.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&heard[..head_end]).map_err(io::Error::other)?;
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other(format!("an answer without status or length: {head}")));
    };
    let end = head_end + 4 + length;
    let Some(body) = heard.get(head_end + 4..end) else { return Ok(None) };
    let sequence = header("x-buttonwood-sequence").and_then(|sequence| sequence.parse().ok());
    let body = serde_json::from_slice(body).unwrap_or(Value::Null);
    Ok(Some((Answer { status, sequence, body }, end)))
}
