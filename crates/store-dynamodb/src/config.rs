//! Where the table is, and how patient to be with it.

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

/// What is needed to reach a table.
#[derive(Debug, Clone)]
pub struct DynamoConfig {
    region: String,
    pub(crate) table: String,
    endpoint: Option<Endpoint>,
    /// Whether a store makes a missing table when it connects; otherwise it waits until somebody does.
    pub migrates: bool,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long a commit goes on asking a service that puts it off.
    pub patience: Duration,
}

/// Somebody else's service.
#[derive(Debug, Clone)]
struct Endpoint {
    url: String,
    /// It is on this machine: it wants a signature, but nobody's in particular.
    is_local: bool,
}

impl DynamoConfig {
    /// A table by its URL, `dynamodb://REGION/TABLE`, or `dynamodb://REGION/TABLE?endpoint=http://127.0.0.1:8000` for another service.
    ///
    /// Credentials are found where AWS's programs find them: environment, profile, web identity, container, instance.
    pub fn new(url: &str) -> Result<Self, Fault> {
        let broken = |what: &str| Fault::Misuse(format!("not a URL of a DynamoDB table, dynamodb://REGION/TABLE: {what}"));
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| broken("another scheme"))?;
        let (place, options) = rest.split_once('?').map_or((rest, None), |(place, options)| (place, Some(options)));
        let (region, table) = place.split_once('/').ok_or_else(|| broken("it names no table"))?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if region.is_empty() || !region.chars().all(is_name) {
            return Err(broken("it names no region"));
        }
        if !(3..=255).contains(&table.len()) || !table.chars().all(is_name) {
            return Err(broken("the table's name is not one"));
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
            table: table.to_owned(),
            endpoint,
            migrates: true,
            request_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(30),
        })
    }

    /// Where it leads.
    pub fn place(&self) -> String {
        let at = self.endpoint.as_ref().map_or(self.region.as_str(), |endpoint| endpoint.url.as_str());
        format!("{at}/{}", self.table)
    }

    pub(crate) async fn client(&self) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(self.request_timeout)
            .build();
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(self.http_client())
            // Whoever writes knows better when to ask again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        match &self.endpoint {
            Some(Endpoint { is_local: true, .. }) => {
                config = config.credentials_provider(Credentials::new("local", "local", None, None, "local"));
            }
            Some(_) | None => {
                let found = aws_config::defaults(BehaviorVersion::latest()).http_client(self.http_client());
                let found = found.region(Region::new(self.region.clone())).load().await;
                config.set_credentials_provider(found.credentials_provider());
            }
        }
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(&endpoint.url);
        }
        Client::from_conf(config.build())
    }

    fn http_client(&self) -> SharedHttpClient {
        match &self.endpoint {
            Some(endpoint) if endpoint.url.starts_with("http://") => Builder::new().build_http(),
            Some(_) | None => Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
        }
    }
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
