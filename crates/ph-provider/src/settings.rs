//! What an endpoint is and how long it may take.

use std::fmt;
use std::time::Duration;

use ph_model::TargetName;
use ph_model::wire::Dialect;

use crate::credential::ApiKey;

/// The time limits of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From sending to the first byte of the reply's body; a reply that is not streamed comes whole, so this is long.
    pub first_byte: Duration,
    /// From each piece of the reply to the next.
    pub between_chunks: Duration,
    /// For the whole call.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(600),
            between_chunks: Duration::from_secs(120),
            call: Duration::from_secs(1_800),
        }
    }
}

/// An endpoint as [`HttpModel`](crate::HttpModel) reaches it.
#[derive(Clone, PartialEq)]
pub struct HttpModelSettings {
    /// The target's name in plan and records.
    pub target: TargetName,
    /// The API that it speaks.
    pub dialect: Dialect,
    /// The base URL as the provider's own SDK takes it; see [`Dialect::path`].
    pub base_url: String,
    /// The credential; none sends none.
    pub api_key: Option<ApiKey>,
    /// The model's name there.
    pub model: String,
    /// The time limits.
    pub timeouts: Timeouts,
    /// The longest body of a reply that is read, in bytes; a longer one is an error.
    pub reply_bytes_max: usize,
    /// The URL of a proxy; without it none is used, whatever the environment says to other programs.
    pub proxy: Option<String>,
}

impl HttpModelSettings {
    /// 64 MiB.
    pub const REPLY_BYTES_MAX_DEFAULT: usize = 64 << 20;

    /// The endpoint at `base_url`, without credential and with the usual limits.
    #[must_use]
    pub fn new(target: TargetName, dialect: Dialect, base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            target,
            dialect,
            base_url: base_url.into(),
            api_key: None,
            model: model.into(),
            timeouts: Timeouts::default(),
            reply_bytes_max: Self::REPLY_BYTES_MAX_DEFAULT,
            proxy: None,
        }
    }
}

/// The proxy's URL may hold a password and is not shown.
impl fmt::Debug for HttpModelSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, dialect, base_url, api_key, model, timeouts, reply_bytes_max, proxy } = self;
        f.debug_struct("HttpModelSettings")
            .field("target", target)
            .field("dialect", dialect)
            .field("base_url", base_url)
            .field("api_key", api_key)
            .field("model", model)
            .field("timeouts", timeouts)
            .field("reply_bytes_max", reply_bytes_max)
            .field("proxy", &proxy.as_ref().map(|_| "[proxy]"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_proxy_is_shown_nowhere() {
        let target = TargetName::OpenAiApi { service: "s".into(), model: "m".into() };
        let mut settings = HttpModelSettings::new(target, Dialect::OpenAiChat, "https://h/v1", "m");
        settings.proxy = Some("http://user:very-secret@proxy:3128".to_owned());
        let shown = format!("{settings:?}");
        assert!(shown.contains("https://h/v1") && shown.contains("[proxy]") && !shown.contains("secret"), "{shown}");
    }
}
