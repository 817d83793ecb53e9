//! How a command reaches a running venue.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args as ClapArgs;
use outside::client::{Client, Key};
use outside::http::Answer;
use serde_json::Value;

use crate::config::Config;
use crate::serve::admin_key_of;

/// How long a venue that gives no answer is asked again: it may be starting anew.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);

/// Where the venue is, and who asks.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reach {
    /// Where the venue listens. Default: as its configuration says.
    #[arg(long, value_name = "ADDR")]
    at: Option<SocketAddr>,
    /// Its data directory, where the first administrator's key comes from; `BUTTONWOOD_API_KEY` and `BUTTONWOOD_API_SECRET` in the
    /// environment are another administrator's. Default: as its configuration says.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The venue's configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Reach {
    /// A client of an administrator, which has not connected yet.
    pub(crate) fn desk(&self) -> anyhow::Result<Desk> {
        let config = Config::load(self.config.as_deref())?;
        let data = self.data.as_ref().unwrap_or(&config.data);
        let from_environment = |name: &str| std::env::var(format!("BUTTONWOOD_API_{name}")).ok();
        let key = match (from_environment("KEY"), from_environment("SECRET")) {
            (Some(api_key), Some(secret)) => Key { api_key, secret },
            (None, None) => {
                let key = admin_key_of(data)?;
                Key { api_key: key.api_key, secret: key.secret }
            }
            (Some(_), None) | (None, Some(_)) => {
                anyhow::bail!("of BUTTONWOOD_API_KEY and BUTTONWOOD_API_SECRET only one is set")
            }
        };
        let address = self.at.unwrap_or(config.listen);
        Ok(Desk { client: Client::new(address, &key), address })
    }
}

/// An administrator's connection.
#[derive(Debug)]
pub(crate) struct Desk {
    client: Client,
    address: SocketAddr,
}

/// What the venue says no with.
#[derive(Debug)]
pub(crate) struct No {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl Desk {
    /// Asks until there is an answer.
    pub(crate) fn get(&mut self, path: &str, query: &str) -> anyhow::Result<Value> {
        let answer = self.answer(|client| client.ask("GET", path, query))?;
        accepted(answer).map_err(|no| anyhow::anyhow!(no.message))
    }

    /// Makes a request, which has an id: asked again it is the same one.
    pub(crate) fn request(&mut self, path: &str, body: &Value) -> anyhow::Result<Result<Value, No>> {
        let answer = self.answer(|client| client.request(path, body))?;
        Ok(accepted(answer))
    }

    fn answer(&mut self, ask: impl Fn(&mut Client) -> std::io::Result<Answer>) -> anyhow::Result<Answer> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ask(&mut self.client) {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(answer) if Instant::now() > deadline => {
                    anyhow::bail!("the venue says {} {}", answer.status, answer.body)
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(error).with_context(|| format!("no venue answers at {}", self.address));
                }
                Ok(_) | Err(_) => sleep(PAUSE),
            }
        }
    }
}

fn accepted(answer: Answer) -> Result<Value, No> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let code = answer.body["code"].as_i64().unwrap_or(0);
    let message = answer.body["msg"].as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    let reason = answer.body["reason"].as_str().map_or_else(String::new, |reason| format!(" {reason}"));
    Err(No { code, message: message + &reason })
}
