//! Where the database is, and how patient to be with it.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::ShardId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::Fault;
use crate::ranges::RangeWidth;

/// How long to try one host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long what was sent may stay unacknowledged before the connection counts as lost.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(15);

/// What is needed to reach a database.
#[derive(Clone)]
pub struct PostgresConfig {
    server: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    /// The shard that the database is, where that is known: one that says it is another is neither written nor read.
    pub(crate) shard: Option<ShardId>,
    /// Whether a store brings an older schema up to date when it connects; otherwise it waits until somebody does.
    pub migrates: bool,
    /// How wide the ranges of order ids are to be in a database that has none yet; one that has some keeps theirs.
    pub range_width: RangeWidth,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

impl PostgresConfig {
    /// A database by its URL, `postgres://user:password@host1:5432,host2:5432/database?target_session_attrs=read-write`, as libpq
    /// writes them.
    ///
    /// TLS certificates are always checked, against the authorities in `ca_file` (PEM) or else the public ones. Without an `sslmode`
    /// in the URL a server on this machine is spoken to in clear, every other one under TLS.
    pub fn new(url: &str, ca_file: Option<&PathBuf>) -> Result<Self, Fault> {
        let mut server: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
            Fault::Misuse(format!("not a URL of a PostgreSQL database: {}", projector::fault::chain(&error)))
        })?;
        if server.get_hosts().is_empty() && server.get_hostaddrs().is_empty() {
            return Err(Fault::Misuse("the URL of the database names no host".into()));
        }
        if server.get_ssl_mode() == SslMode::Prefer {
            let local =
                server.get_hosts().iter().all(is_local) && server.get_hostaddrs().iter().all(IpAddr::is_loopback);
            server.ssl_mode(if local { SslMode::Disable } else { SslMode::Require });
        }
        if server.get_connect_timeout().is_none() {
            server.connect_timeout(CONNECT_TIMEOUT);
        }
        if server.get_tcp_user_timeout().is_none() {
            server.tcp_user_timeout(UNACKNOWLEDGED_MAX);
        }
        let tls = MakeRustlsConnect::new(tls(ca_file)?);
        let (range_width, statement_timeout) = (RangeWidth::default(), Duration::from_secs(30));
        Ok(Self { server, tls, shard: None, migrates: true, range_width, statement_timeout })
    }

    /// The same database, which must be that of this shard.
    #[must_use]
    pub fn of_shard(self, shard: ShardId) -> Self {
        Self { shard: Some(shard), ..self }
    }

    /// To write: only a server that takes writes will do, whatever the URL says.
    pub(crate) fn writer(&self, name: &str) -> tokio_postgres::Config {
        let mut server = self.server.clone();
        server.target_session_attrs(TargetSessionAttrs::ReadWrite).application_name(format!("buttonwood {name}"));
        server
    }

    /// To read: any server that the URL allows.
    pub(crate) fn reader(&self) -> tokio_postgres::Config {
        let mut server = self.server.clone();
        server.application_name("buttonwood reads");
        server
    }

    /// What the URL says.
    pub(crate) const fn server(&self) -> &tokio_postgres::Config {
        &self.server
    }

    pub(crate) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// Another database of the same server.
    #[must_use]
    pub(crate) fn in_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.server.dbname(name);
        other
    }

    /// Where it leads, without the password.
    pub fn place(&self) -> String {
        let mut place = String::new();
        let ports = self.server.get_ports();
        for (index, host) in self.server.get_hosts().iter().enumerate() {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            let host = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            place.push_str(if index > 0 { "," } else { "" });
            let _ = write!(place, "{host}:{port}");
        }
        place + "/" + self.server.get_dbname().or(self.server.get_user()).unwrap_or_default()
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn tls(ca_file: Option<&PathBuf>) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let wrong = |error: &dyn fmt::Display| Fault::Misuse(format!("{}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
            }
            if roots.is_empty() {
                return Err(wrong(&"no certificate in it"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| Fault::Misuse(format!("no TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig").field("place", &self.place()).finish_non_exhaustive()
    }
}
