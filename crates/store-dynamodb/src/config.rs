//! Where the tables are, and how patient to be with them.

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::fault::Fault;

const SCHEME: &str = "dynamodb://";
/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Letters of a prefix: with a collection's name it is the name of a table, which has 255 at most.
const PREFIX_LEN_MAX: usize = 200;

/// What is needed to reach the tables.
#[derive(Debug, Clone)]
pub struct DynamoConfig {
    pub(crate) region: String,
    pub(crate) prefix: String,
    pub(crate) endpoint: Option<Endpoint>,
    /// Whether a store makes missing tables when it connects; otherwise it waits until somebody does.
    pub migrates: bool,
    /// How long to try to connect.
    pub(crate) connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long a commit goes on asking a service that puts it off.
    pub patience: Duration,
}

/// Another service than the region's own.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    url: String,
    /// It is on this machine: it wants a signature, but nobody's in particular.
    is_local: bool,
}

impl DynamoConfig {
    /// Tables by their URL, `dynamodb://REGION/PREFIX`: those that are named `PREFIX.completed_trades` and so on. With
    /// `?endpoint=http://127.0.0.1:8000`, or an `https://` one, they are at another service. Certificates are checked against the system's
    /// authorities, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// Credentials are found where AWS's programs find them: environment, profile, web identity, container, instance. A service on this
    /// machine is not shown any.
    pub fn new(url: &str) -> Result<Self, Fault> {
        let broken =
            |what: &str| Fault::Misuse(format!("not a URL of tables in DynamoDB, dynamodb://REGION/PREFIX: {what}"));
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| broken("another scheme"))?;
        let (place, options) = rest.split_once('?').map_or((rest, None), |(place, options)| (place, Some(options)));
        let (region, prefix) = place.split_once('/').ok_or_else(|| broken("it names no tables"))?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if region.is_empty() || !region.chars().all(is_name) {
            return Err(broken("it names no region"));
        }
        if prefix.is_empty() || prefix.len() > PREFIX_LEN_MAX || !prefix.chars().all(is_name) {
            return Err(broken("the prefix is not one: at most 200 letters, digits and -_."));
        }
        let endpoint = match options {
            None => None,
            Some(options) => {
                let url = options.strip_prefix("endpoint=").ok_or_else(|| broken("the only option is endpoint"))?;
                Some(endpoint(url).map_err(|what| broken(&what))?)
            }
        };
        Ok(Self {
            region: region.to_owned(),
            prefix: prefix.to_owned(),
            endpoint,
            migrates: true,
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(30),
        })
    }

    /// Where it leads.
    pub fn place(&self) -> String {
        let at = self.endpoint.as_ref().map_or(self.region.as_str(), |endpoint| endpoint.url.as_str());
        format!("{at}/{}", self.prefix)
    }

    pub(crate) async fn client(&self) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.connect_timeout)
            .operation_timeout(self.request_timeout)
            .build();
        let region = Region::new(self.region.clone());
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .http_client(self.http_client())
            // Whoever writes knows better when to ask again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(Endpoint { is_local: true, .. }) = &self.endpoint {
            config = config.credentials_provider(Credentials::new("local", "local", None, None, "local"));
        } else {
            let found = aws_config::defaults(BehaviorVersion::latest()).region(region);
            let found = found.http_client(https()).load().await;
            config.set_credentials_provider(found.credentials_provider());
        }
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(&endpoint.url);
        }
        Client::from_conf(config.build())
    }

    fn http_client(&self) -> SharedHttpClient {
        match &self.endpoint {
            Some(endpoint) if endpoint.url.starts_with("http://") => Builder::new().build_http(),
            Some(_) | None => https(),
        }
    }
}

fn https() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

fn endpoint(url: &str) -> Result<Endpoint, String> {
    let (scheme, rest) = url.split_once("://").ok_or("the endpoint is not a URL")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_local = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match scheme {
        "https" => {}
        "http" if is_local => {}
        "http" => return Err("an endpoint beyond this machine is spoken to under https".into()),
        _ => return Err("the endpoint is neither http nor https".into()),
    }
    Ok(Endpoint { url: url.to_owned(), is_local })
}
