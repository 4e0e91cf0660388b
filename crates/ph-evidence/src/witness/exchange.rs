//! One request to a witness and its answer, under limits of time and size. What the answer means is for the client to say.

use std::time::Duration;

use reqwest::{Client, Response, header};
use url::Url;

/// The largest answer: some signatures of the longest kind.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 10;
const USER_AGENT: &str = concat!("proofhouse/", env!("CARGO_PKG_VERSION"));

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The connection failed, or what came is not HTTP.
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    /// Too slow.
    #[error("no whole answer came within {} s", .0.as_secs_f64())]
    Time(Duration),
    /// Too long.
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

/// An HTTP client of which every default that would hide or change something is off: no proxies of the environment, no
/// redirects, no retries; what is encoded is not decoded.
pub(super) fn client(connect: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(connect)
        .user_agent(USER_AGENT)
        .build()
}

/// Posts `body` and reads the answer.
pub(super) async fn post(client: &Client, url: Url, body: String, limit: Duration) -> Result<Reply, ExchangeError> {
    tokio::time::timeout(limit, send(client, url, body)).await.map_err(|_| ExchangeError::Time(limit))?
}

async fn send(client: &Client, url: Url, body: String) -> Result<Reply, ExchangeError> {
    let request = client.post(url).header(header::ACCEPT_ENCODING, "identity").body(body);
    let mut response = request.send().await.map_err(|error| ExchangeError::Connection(error.without_url()))?;
    let status = response.status().as_u16();
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = read(&mut response).await?;
    Ok(Reply { status, content_type, body })
}

async fn read(response: &mut Response) -> Result<Vec<u8>, ExchangeError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| ExchangeError::Connection(error.without_url()))? {
        if body.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
            return Err(ExchangeError::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Where a witness of this submission prefix takes heads; `None` where it is no address that may be asked.
pub(super) fn address(prefix: &str) -> Option<Url> {
    let mut url = Url::parse(prefix).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_plain {
        return None;
    }
    url.set_fragment(None);
    let path = format!("{}/add-checkpoint", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_to_the_prefix() {
        let check = |prefix: &str, expected: Option<&str>| {
            assert_eq!(address(prefix).as_ref().map(Url::as_str), expected, "{prefix}");
        };
        check("http://w.example", Some("http://w.example/add-checkpoint"));
        check("https://w.example/a/b/", Some("https://w.example/a/b/add-checkpoint"));
        check("ftp://w.example", None);
        check("http://me:secret@w.example", None);
        check("http://w.example/?key=1", None);
        check("w.example", None);
    }
}
