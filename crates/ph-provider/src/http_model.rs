//! A model behind an HTTP API.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ph_base::Clock;
use ph_model::wire::{Dialect, WireCall};
use ph_model::{
    Exchange, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest, OutputSink, TargetName,
};
use url::Url;

use crate::address::{AddressError, base_url, call_url};
use crate::attempt::Attempt;
use crate::credential::{ApiKey, RedactedSink};
use crate::settings::HttpModelSettings;

const USER_AGENT: &str = concat!("proofhouse/", env!("CARGO_PKG_VERSION"));
/// The version of Anthropic's API that the codec speaks.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Settings that no endpoint can be reached with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The base URL.
    #[error(transparent)]
    BaseUrl(#[from] AddressError),
    /// The key holds characters that a header cannot.
    #[error("the API key holds characters that cannot be sent")]
    ApiKey,
    /// The proxy's URL. It is not repeated: it may hold a password.
    #[error("the proxy's URL cannot be used")]
    Proxy,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// A model behind an HTTP API. Cheap calls share its connections; each call is exactly one attempt.
pub struct HttpModel {
    settings: HttpModelSettings,
    base: Url,
    headers: HeaderMap,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl HttpModel {
    /// The model at this endpoint. Nothing is sent yet. `clock` reads `Retry-After` where it is a date.
    ///
    /// # Errors
    /// [`SettingsError`] where a setting cannot be used.
    pub fn new(settings: HttpModelSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let base = base_url(&settings.base_url, settings.dialect)?;
        let headers = headers(settings.dialect, settings.api_key.as_ref())?;
        let client = client(&settings)?;
        Ok(Self { settings, base, headers, client, clock })
    }

    async fn call(
        &self,
        request: &ModelRequest,
        sink: Option<&mut (dyn OutputSink + '_)>,
    ) -> Result<ModelReply, ModelError> {
        let settings = &self.settings;
        let call = WireCall { model: &settings.model, stream: sink.is_some() };
        let body = settings.dialect.encode(request, &call).map_err(|error| {
            ModelError::new(ModelErrorKind::InvalidRequest, format!("the request cannot be made: {error}"))
        })?;
        let attempt = Attempt {
            client: &self.client,
            url: call_url(&self.base, settings.dialect, &call),
            headers: self.headers.clone(),
            dialect: settings.dialect,
            model: &settings.model,
            timeouts: settings.timeouts,
            proxy: settings.proxy.as_deref(),
            reply_bytes_max: settings.reply_bytes_max,
            now: self.clock.now(),
        };
        let mut exchange = Exchange { request: body, ..Exchange::default() };
        let sent = Bytes::copy_from_slice(&exchange.request);
        let limit = settings.timeouts.call;
        let mut redacted;
        let sink: Option<&mut dyn OutputSink> = match (sink, &settings.api_key) {
            (Some(sink), Some(key)) => {
                redacted = RedactedSink { key, sink };
                Some(&mut redacted)
            }
            (Some(sink), None) => Some(sink),
            (None, _) => None,
        };
        let result = match tokio::time::timeout(limit, attempt.make(sent, &mut exchange, sink)).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("the call took longer than {} s", limit.as_secs_f64());
                Err(ModelError::new(ModelErrorKind::Timeout, message))
            }
        };
        self.with_exchange(result, exchange)
    }

    /// The result with the bytes behind it, from both of which the credential is taken out.
    fn with_exchange(
        &self,
        result: Result<ModelOutput, ModelError>,
        mut exchange: Exchange,
    ) -> Result<ModelReply, ModelError> {
        if let Some(key) = &self.settings.api_key {
            key.redact_exchange(&mut exchange);
        }
        let result = match (result, &self.settings.api_key) {
            (Ok(output), Some(key)) => key.redact_output(output).map_err(|error| {
                let message = format!("the credential in the reply cannot be taken out: {error}");
                ModelError::new(ModelErrorKind::MalformedReply, message)
            }),
            (result, _) => result,
        };
        let exchange = Some(Box::new(exchange));
        match result {
            Ok(output) => Ok(ModelReply { exchange, ..ModelReply::new(output) }),
            Err(mut error) => {
                if let Some(key) = &self.settings.api_key {
                    error.message = key.redact(error.message);
                }
                error.exchange = exchange;
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for HttpModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpModel").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[async_trait]
impl ModelApi for HttpModel {
    fn target(&self) -> &TargetName {
        &self.settings.target
    }

    fn address(&self) -> Option<String> {
        let call = WireCall { model: &self.settings.model, stream: false };
        Some(call_url(&self.base, self.settings.dialect, &call).to_string())
    }

    fn takes_seed(&self) -> bool {
        self.settings.dialect.has_seed()
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        self.call(request, None).await
    }

    async fn stream(&self, request: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        self.call(request, Some(sink)).await
    }
}

/// Every default of the HTTP client that would hide or change something is off.
fn client(settings: &HttpModelSettings) -> Result<reqwest::Client, SettingsError> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(settings.timeouts.connect)
        .user_agent(USER_AGENT);
    let builder = match &settings.proxy {
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.as_str()).map_err(|_| SettingsError::Proxy)?),
        None => builder,
    };
    builder.build().map_err(SettingsError::Client)
}

fn headers(dialect: Dialect, key: Option<&ApiKey>) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if dialect == Dialect::AnthropicMessages {
        headers.insert("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    if let Some(key) = key {
        let (name, value) = credential(dialect, key);
        let mut value = HeaderValue::from_str(&value).map_err(|_| SettingsError::ApiKey)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The header that carries the key, as the provider's own SDK sends it.
fn credential(dialect: Dialect, key: &ApiKey) -> (HeaderName, String) {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => (header::AUTHORIZATION, format!("Bearer {}", key.secret())),
        Dialect::AnthropicMessages => (HeaderName::from_static("x-api-key"), key.secret().to_owned()),
        Dialect::GoogleGenerateContent => (HeaderName::from_static("x-goog-api-key"), key.secret().to_owned()),
    }
}
