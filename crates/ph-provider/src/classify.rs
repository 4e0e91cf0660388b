//! What a broken attempt means.

use std::error::Error;
use std::io;

use ph_model::{ModelError, ModelErrorKind};
use url::Url;

use crate::body::BodyError;
use crate::settings::Timeouts;

/// An attempt of which no reply's head came.
pub(crate) fn send_error(error: reqwest::Error, url: &Url, proxy: Option<&str>, timeouts: &Timeouts) -> ModelError {
    let host = match proxy.and_then(|proxy| Url::parse(proxy).ok()) {
        Some(proxy) => format!("{}` through the proxy `{}", host(url), host(&proxy)),
        None => host(url),
    };
    if error.is_connect() && error.is_timeout() {
        let limit = timeouts.connect.as_secs_f64();
        return ModelError::new(ModelErrorKind::Timeout, format!("no connection to `{host}` within {limit} s"));
    }
    let is_unfit = is_not_http(&error);
    let error = error.without_url();
    let cause = chain(&error);
    let (kind, message) = if error.is_dns() {
        (ModelErrorKind::Unreachable, format!("the name of `{host}` cannot be resolved: {cause}"))
    } else if error.is_connect() && io_kind(&error) == Some(io::ErrorKind::ConnectionRefused) {
        (ModelErrorKind::Unreachable, format!("`{host}` refuses the connection"))
    } else if error.is_connect() && is_tls(&cause, url) {
        (ModelErrorKind::Unreachable, format!("TLS with `{host}` failed: {cause}"))
    } else if error.is_connect() {
        (ModelErrorKind::Unreachable, format!("cannot connect to `{host}`: {cause}"))
    } else if is_unfit {
        (ModelErrorKind::MalformedReply, format!("what `{host}` answered is not HTTP: {cause}"))
    } else {
        (ModelErrorKind::Unreachable, format!("the connection to `{host}` broke before a reply: {cause}"))
    };
    ModelError::new(kind, message)
}

/// A reply of which the body could not be read to its end.
pub(crate) fn body_error(error: &BodyError) -> ModelError {
    let kind = match error {
        BodyError::FirstByte(_) | BodyError::BetweenChunks(_) => ModelErrorKind::Timeout,
        BodyError::TooLong(_) => ModelErrorKind::MalformedReply,
        BodyError::Broken(error) if is_not_http(error) => ModelErrorKind::MalformedReply,
        BodyError::Broken(_) => ModelErrorKind::Unreachable,
    };
    let message = match error {
        BodyError::Broken(source) => format!("{error}: {}", chain(source)),
        other => other.to_string(),
    };
    ModelError::new(kind, message)
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// With an `https` address a connection that was made and then failed has failed in TLS.
fn is_tls(cause: &str, url: &Url) -> bool {
    let is_socket = ["tcp connect", "unreachable", "reset"].iter().any(|word| cause.contains(word));
    url.scheme() == "https" && (!is_socket || cause.contains("certificate"))
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    sources(error).filter_map(|error| error.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

fn is_not_http(error: &(dyn Error + 'static)) -> bool {
    sources(error).filter_map(|error| error.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse)
}

/// The causes behind an error, each once, without the HTTP client's own general words. Addresses, which may hold
/// queries, are not in it: see `reqwest::Error::without_url`.
fn chain(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.source().map(sources).into_iter().flatten().map(ToString::to_string) {
        if !causes.iter().any(|known| known.contains(&cause)) {
            causes.push(cause);
        }
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
