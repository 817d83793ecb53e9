//! Where the database is, and how patient to be with it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mongodb::options::{ClientOptions, ServerAddress, Tls, TlsOptions};
use tokio::runtime::Builder;

use crate::fault::Fault;

/// How long to look for a server that takes writes.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to try one host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the answer to a command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long somebody who asked something waits.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Documents in one command: what small servers take in good time.
pub const DOCUMENTS_MAX: usize = 1_000;

/// What is needed to reach a database.
#[derive(Clone)]
pub struct MongoConfig {
    pub(crate) client: ClientOptions,
    pub(crate) database: String,
    /// Whether a store makes missing collections and indexes when it connects; otherwise it waits until somebody does.
    pub migrates: bool,
    /// How long one command may take. The server is told less, so that it has given up by then.
    pub command_timeout: Duration,
    /// How long a question of a reader may take, however many commands it needs.
    pub question_timeout: Duration,
    /// Documents written, or read, with one command.
    pub documents_max: usize,
}

impl MongoConfig {
    /// A database by its URL, `mongodb://user:password@host1:27017,host2:27017/database?replicaSet=rs`.
    ///
    /// TLS certificates are always checked, against the authorities in `ca_file` (PEM) or else the public ones. Without `tls` in the
    /// URL a server on this machine is spoken to in clear, every other one under TLS. A URL that would leave certificates unchecked is
    /// refused, unless all of it is on this machine.
    pub fn new(url: &str, ca_file: Option<&PathBuf>) -> Result<Self, Fault> {
        let broken = |what: String| Fault::Misuse(format!("not a URL of a MongoDB database: {what}"));
        if url.starts_with("mongodb+srv:") {
            return Err(broken(
                "names of services are not looked up; list the hosts, mongodb://host1,host2/database".into(),
            ));
        }
        let runtime = Builder::new_current_thread().build().map_err(|error| broken(error.to_string()))?;
        let parsed = runtime.block_on(async { ClientOptions::parse(url).await });
        let mut client = parsed.map_err(|error| broken(error.kind.to_string()))?;
        let database = client.default_database.clone().filter(|name| !name.is_empty());
        let database = database.ok_or_else(|| broken("it names no database".into()))?;
        client.app_name.get_or_insert_with(|| "buttonwood".into());
        client.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
        client.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
        let is_here = client.hosts.iter().all(is_local);
        if let Some(Tls::Enabled(said)) = &client.tls
            && said.allow_invalid_certificates == Some(true)
            && !is_here
        {
            return Err(Fault::Misuse(
                "certificates are always checked beyond this machine: take tlsInsecure and tlsAllowInvalidCertificates out of the URL, \
                 and name the authority in ca_file"
                    .into(),
            ));
        }
        let tls = TlsOptions::builder().ca_file_path(ca_file.cloned()).build();
        match &mut client.tls {
            None if is_here => {}
            None => client.tls = Some(Tls::Enabled(tls)),
            Some(Tls::Enabled(said)) if ca_file.is_some() => said.ca_file_path = ca_file.cloned(),
            Some(Tls::Enabled(_) | Tls::Disabled) => {}
        }
        Ok(Self {
            client,
            database,
            migrates: true,
            command_timeout: COMMAND_TIMEOUT,
            question_timeout: QUESTION_TIMEOUT,
            documents_max: DOCUMENTS_MAX,
        })
    }

    /// Name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Where it leads, without the password.
    pub fn place(&self) -> String {
        let hosts: Vec<String> = self.client.hosts.iter().map(ToString::to_string).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }
}

fn is_local(host: &ServerAddress) -> bool {
    // The other kind is a socket in the file system.
    let ServerAddress::Tcp { host, .. } = host else { return true };
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl fmt::Debug for MongoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoConfig").field("place", &self.place()).finish_non_exhaustive()
    }
}
