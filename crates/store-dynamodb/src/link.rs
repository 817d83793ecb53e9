//! A service and what drives its connections: callers wait on their own threads.

use std::fmt;

use tokio::runtime::{Builder, Runtime};

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::session::Session;

pub(crate) struct Link {
    pub(crate) session: Session,
    runtime: Runtime,
}

impl Link {
    /// Nothing is connected before it is asked something.
    pub(crate) fn open(config: &DynamoConfig, name: &str) -> Result<Self, Fault> {
        let name = format!("dynamodb-{name}");
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Misuse(format!("no runtime: {error}")))?;
        let session = runtime.block_on(Session::open(config));
        Ok(Self { session, runtime })
    }

    /// Does something and waits for it.
    pub(crate) fn run<T>(&self, work: impl AsyncFnOnce(&Session) -> Result<T, Fault>) -> Result<T, Fault> {
        self.runtime.block_on(work(&self.session))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("session", &self.session).finish_non_exhaustive()
    }
}
