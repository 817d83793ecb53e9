//! The gateway's sockets: how many connections there may be, and how long one may keep the venue waiting.
//!
//! An open connection holds memory and a file descriptor whether or not anything comes of it. So there is a number of them, and
//! each is closed that sends no request for a while or takes its time over the head of one.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::body::Body;
use gateway::door::Peer;
use gateway::gateway::Gateway;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// File descriptors that connections leave to the rest: without one the journal could not begin its next segment.
const FILES_KEPT: u64 = 256;

/// Pause after the system refused a connection for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What one connection too many is told. Whether it hears it before the connection is closed is up to the network.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n\
    content-length: 69\r\n\r\n{\"code\":-1008,\"msg\":\"Too many connections. Please try again later.\"}\n";

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Open at the same time.
    pub(crate) connections_max: usize,
    /// From the answer to the next request's first byte.
    pub(crate) idle: Duration,
    /// From a request's first byte to the end of its head.
    pub(crate) head: Duration,
}

/// Answers what comes in until told to stop, then lets requests in progress finish.
pub(crate) async fn serve(listener: TcpListener, gateway: Arc<Gateway>, limits: Limits, stop: oneshot::Receiver<()>) {
    let (closing, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    let connections_max = room_for(limits.connections_max);
    loop {
        tokio::select! {
            // Also when the sender is gone.
            _ = &mut stop => break,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() >= connections_max => turn_away(&stream),
                Ok((stream, address)) => {
                    connections.spawn(connection(stream, address, Arc::clone(&gateway), limits, closing.subscribe()));
                }
                Err(error) => pause_after(&error).await,
            },
        }
    }
    closing.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// So many connections the process may really have, which is told to the system first.
fn room_for(connections_max: usize) -> usize {
    let wanted = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(FILES_KEPT);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(files) = current.filter(|files| *files < wanted) else { return connections_max };
    let raised = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let files = match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => files,
    };
    let room = usize::try_from(files.saturating_sub(FILES_KEPT)).unwrap_or(usize::MAX).clamp(1, connections_max);
    if room < connections_max {
        tracing::warn!(
            files,
            connections_max,
            room,
            "the system allows fewer open files than connections_max asks for"
        );
    }
    room
}

fn turn_away(stream: &TcpStream) {
    if let Err(error) = stream.try_write(TOO_MANY) {
        tracing::debug!(%error, "one connection too many");
    }
}

/// A connection that failed by itself is nobody's concern; anything else would fail again at once.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "connections are not accepted for a moment");
        sleep(ACCEPT_PAUSE).await;
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    gateway: Arc<Gateway>,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    // An answer of one segment must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let pace = Arc::new(Pace::new());
    let peer = Peer::new(address.ip());
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        pace.turn(Phase::Working);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        let (gateway, pace) = (Arc::clone(&gateway), Arc::clone(&pace));
        async move {
            let answer = gateway.handle(request).await;
            pace.turn(Phase::Idle);
            Ok::<_, Infallible>(answer)
        }
    });
    let io = TokioIo::new(Watched { stream, pace: Arc::clone(&pace) });
    let mut serving = pin!(http1::Builder::new().serve_connection(io, service));
    let mut overdue = pin!(pace.overdue(limits));
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, %address, "a connection ended");
                }
                return;
            }
            // Closed by being dropped.
            () = overdue.as_mut() => return,
            _ = closing.wait_for(|closing| *closing), if !told => {
                told = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was asked since the last answer.
    Idle = 0,
    /// A request has begun to arrive.
    Head = 1,
    /// A request is being carried out; its body has a time limit of its own.
    Working = 2,
}

/// What a connection is at, and since when: written by the connection, read now and then by the one that would close it, so that
/// no request pays for a timer.
#[derive(Debug)]
struct Pace {
    begun: Instant,
    /// Milliseconds from `begun`, and the phase in the lowest two bits.
    since: AtomicU64,
}

impl Pace {
    fn new() -> Self {
        Self { begun: Instant::now(), since: AtomicU64::new(0) }
    }

    fn turn(&self, phase: Phase) {
        self.since.store(self.now(phase), Ordering::Relaxed);
    }

    /// Bytes have arrived: of a new request, if there is none.
    fn heard(&self) {
        let before = self.since.load(Ordering::Relaxed);
        if phase_of(before) == Phase::Idle {
            self.turn(Phase::Head);
        }
    }

    fn now(&self, phase: Phase) -> u64 {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        (millis << 2) | phase as u64
    }

    /// Ends when the peer has taken too long.
    async fn overdue(&self, limits: Limits) {
        // A phase that has begun meanwhile is seen at the next look.
        let look = limits.head.min(limits.idle);
        loop {
            let since = self.since.load(Ordering::Relaxed);
            let limit = match phase_of(since) {
                Phase::Idle => limits.idle,
                Phase::Head => limits.head,
                Phase::Working => Duration::MAX,
            };
            let waited = self.begun.elapsed().saturating_sub(Duration::from_millis(since >> 2));
            let Some(left) = limit.checked_sub(waited).filter(|left| !left.is_zero()) else { return };
            sleep(left.min(look)).await;
        }
    }
}

fn phase_of(since: u64) -> Phase {
    match since & 3 {
        0 => Phase::Idle,
        1 => Phase::Head,
        _ => Phase::Working,
    }
}

/// A stream that says when something arrives.
struct Watched {
    stream: TcpStream,
    pace: Arc<Pace>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.heard();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
