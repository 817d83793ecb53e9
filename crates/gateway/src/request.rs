//! One request on its way through the gateway.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use domain::command::{Action, Command};
use domain::units::{Seq, UnixNanos};
use projector::archive::ArchiveHistory;
use projector::history::History;
use readmodel::answer::Answer;
use readmodel::model::ReadModel;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use tokio::task::JoinError;

use crate::auth::{Caller, bad_key};
use crate::door::CommandEvents;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::params::Params;
use crate::units::Units;

/// A request that was read, with who sent it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) params: Params<'a>,
    /// Of a request whose body is not a form.
    pub(crate) body: &'a [u8],
    /// Absent: anybody may ask this.
    pub(crate) caller: Option<Caller>,
    /// Where the read model was when the request came: what is read is at least as new.
    pub(crate) seq: Seq,
}

impl Call<'_> {
    pub(crate) fn model(&self) -> &ReadModel {
        &self.gateway.model
    }

    pub(crate) fn caller(&self) -> Result<&Caller, Error> {
        self.caller.as_ref().ok_or_else(bad_key)
    }

    pub(crate) fn now(&self) -> UnixNanos {
        (self.gateway.settings.clock)()
    }

    /// The symbol named by the parameter `symbol`.
    pub(crate) fn symbol(&self) -> Result<Units, Error> {
        self.symbol_named(self.params.mandatory("symbol")?)
    }

    pub(crate) fn optional_symbol(&self) -> Result<Option<Units>, Error> {
        self.params.optional("symbol")?.map(|code| self.symbol_named(code)).transpose()
    }

    pub(crate) fn symbol_named(&self, code: &str) -> Result<Units, Error> {
        let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
        if code.len() > 32 || !code.bytes().all(legal) {
            return Err(Error::illegal("symbol", "^[A-Z0-9-_.]{1,32}$"));
        }
        let reference = self.model().reference();
        let symbol = reference.symbol_by_code(code).ok_or(Error::bad(-1121, "Invalid symbol."))?;
        Units::new(&reference, symbol)
    }

    /// Asks the venue, and waits until it has answered. A failure says whether it is sure that nothing came of it.
    pub(crate) async fn submit(&self, action: Action) -> Result<Answer, Error> {
        let caller = self.caller()?;
        let command = Command { envelope: caller.envelope(), action };
        let waiting = match self.gateway.door.submit(command) {
            Ok(waiting) => waiting,
            Err(not_taken) => {
                // Nothing was recorded, so the very same request may come again.
                self.gateway.replays.forget(&caller.print, caller.deadline);
                return Err(not_taken.into());
            }
        };
        match tokio::time::timeout(self.gateway.settings.answer_timeout, waiting).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_gone)) => Err(Error::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                -1006,
                "An unexpected response was received from the message bus. Execution status unknown.",
            )),
            Err(_elapsed) => Err(Error::new(
                StatusCode::GATEWAY_TIMEOUT,
                -1007,
                "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            )),
        }
    }

    /// Reads history on a thread that may block.
    pub(crate) async fn read_history<T: Send + 'static, E: Into<Error> + Send + 'static>(
        &self,
        read: impl FnOnce(&ReadModel, &dyn History) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error> {
        let (model, history) = (Arc::clone(&self.gateway.model), Arc::clone(&self.gateway.history));
        self.read_blocking(move || read(&model, &*history)).await
    }

    /// Reads the archive on a thread that may block.
    pub(crate) async fn read_archive<T: Send + 'static, E: Into<Error> + Send + 'static>(
        &self,
        read: impl FnOnce(&dyn ArchiveHistory) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error> {
        let archive = Arc::clone(&self.gateway.archive);
        self.read_blocking(move || read(&*archive)).await
    }

    /// So many at once, and no more.
    pub(crate) async fn read_blocking<T: Send + 'static, E: Into<Error> + Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error> {
        let too_many = || Error::unavailable(-1008, "Too many reads of history at once. Please try again.");
        let public = Arc::clone(&self.gateway.public_reads);
        let public =
            self.caller.is_none().then(|| public.try_acquire_owned()).transpose().map_err(|_full| too_many())?;
        let reads = Arc::clone(&self.gateway.history_reads);
        let permits = (reads.try_acquire_owned().map_err(|_full| too_many())?, public);
        let read = self.block(move || {
            let _permits = permits;
            read()
        });
        read.await?.map_err(Into::into)
    }

    /// Does something on a thread that may block.
    pub(crate) async fn block<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        tokio::task::spawn_blocking(act).await.map_err(|error| failed_beside(&error))
    }

    /// What came of an earlier command, where the event log has it. For answers that are due whatever is at hand.
    pub(crate) async fn events_of(&self, seq: Seq) -> Option<CommandEvents> {
        let records = Arc::clone(&self.gateway.records);
        let read = tokio::task::spawn_blocking(move || records.events_of(seq)).await;
        match read {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => {
                tracing::warn!(%error, seq = seq.0, "the event log does not say what came of a command");
                None
            }
            Err(error) => {
                tracing::error!(%error, "a read of the event log failed");
                None
            }
        }
    }
}

/// The whole body, unless it is longer than `bytes_max`.
pub(crate) async fn read_body(mut body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.or(Err(Error::bad(-1000, "The request body did not arrive.")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > bytes_max {
            let message = format!("The request body is larger than {bytes_max} bytes.");
            return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, -1000, message));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            // Small bodies come in one piece and are not copied.
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// What a request did in a task of its own has failed.
pub(crate) fn failed_beside(error: &JoinError) -> Error {
    tracing::error!(%error, "what a request did beside its connection failed");
    Error::new(StatusCode::INTERNAL_SERVER_ERROR, -1000, "An unknown error occurred while processing the request.")
}
