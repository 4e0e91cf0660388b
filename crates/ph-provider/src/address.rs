//! From a base URL to the address of a call, by the conventions of the providers' own SDKs.

use ph_model::wire::{Dialect, WireCall};
use url::{Host, Url};

/// A base URL that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL. What was given is not repeated: a key may have been put in its place.
    #[error("the base URL is not a URL: {reason}")]
    NotAUrl {
        /// Why.
        reason: String,
    },
    /// Neither `http` nor `https`.
    #[error("the base URL begins with `{scheme}:`, not with `http:` or `https:`")]
    Scheme {
        /// What it begins with.
        scheme: String,
    },
    /// A user name or password in the URL would be recorded with it.
    #[error("the base URL holds a user name or password")]
    Credential,
    /// Whatever else stands in the query would be recorded with the URL, and it may be a key. It is not repeated.
    #[error("the query of the base URL holds something else than `api-version`")]
    Query,
}

/// The base URL, checked and brought to the form that [`call_url`] needs: no slash at its end; the version that the
/// dialect wants where the URL names only a host (`/v1`, `/v1beta`); none where the path of the call has it.
pub(crate) fn base_url(text: &str, dialect: Dialect) -> Result<Url, AddressError> {
    let mut url = Url::parse(text.trim()).map_err(|error| AddressError::NotAUrl { reason: error.to_string() })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme { scheme: url.scheme().to_owned() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credential);
    }
    if url.query_pairs().any(|(name, _)| name != "api-version") {
        return Err(AddressError::Query);
    }
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let path = match (dialect, path.as_str()) {
        (Dialect::OpenAiChat | Dialect::OpenAiResponses, "") => "/v1".to_owned(),
        (Dialect::GoogleGenerateContent, "") => "/v1beta".to_owned(),
        (Dialect::AnthropicMessages, path) => path.strip_suffix("/v1").unwrap_or(path).to_owned(),
        _ => path,
    };
    url.set_path(&path);
    Ok(url)
}

/// The address of a call. The API version in the base URL's query stays.
pub(crate) fn call_url(base: &Url, dialect: Dialect, call: &WireCall<'_>) -> Url {
    let relative = dialect.path(call);
    let (path, query) = relative.split_once('?').map_or((relative.as_str(), None), |(path, query)| (path, Some(query)));
    let mut url = base.clone();
    let whole = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&whole);
    if let Some(query) = query {
        let joined = url.query().map_or_else(|| query.to_owned(), |before| format!("{before}&{query}"));
        url.set_query(Some(&joined));
    }
    url
}

/// Whether `url` leads to this machine, by a name or address that cannot lead elsewhere.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url.trim()) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, dialect: Dialect, stream: bool, want: &str) {
        let base = base_url(base, dialect).unwrap();
        assert_eq!(call_url(&base, dialect, &WireCall { model: "m-1", stream }).as_str(), want);
    }

    #[test]
    fn base_urls_are_taken_as_the_sdks_take_them() {
        use Dialect::*;
        for base in ["https://api.openai.com/v1", "https://api.openai.com/v1/", "https://api.openai.com"] {
            check(base, OpenAiChat, true, "https://api.openai.com/v1/chat/completions");
            check(base, OpenAiResponses, false, "https://api.openai.com/v1/responses");
        }
        check("http://h:1/api/openai/", OpenAiChat, false, "http://h:1/api/openai/chat/completions");
        check("http://h/x?api-version=2", OpenAiChat, false, "http://h/x/chat/completions?api-version=2");
        for base in ["https://api.anthropic.com", "https://api.anthropic.com/", "https://api.anthropic.com/v1/"] {
            check(base, AnthropicMessages, false, "https://api.anthropic.com/v1/messages");
        }
        for base in ["https://g.test/v1beta", "https://g.test/v1beta/", "https://g.test"] {
            check(base, GoogleGenerateContent, false, "https://g.test/v1beta/models/m-1:generateContent");
            let stream = "https://g.test/v1beta/models/m-1:streamGenerateContent?alt=sse";
            check(base, GoogleGenerateContent, true, stream);
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_without_repeating_it() {
        let refused = |text: &str| base_url(text, Dialect::OpenAiChat).unwrap_err().to_string();
        assert!(refused("sk-secret").contains("not a URL"));
        assert!(!refused("sk-secret").contains("sk-secret"));
        assert!(refused("file:///etc/passwd").contains("`file:`"));
        let message = refused("https://user:pass@h/v1");
        assert!(message.contains("password") && !message.contains("pass@"), "{message}");
        for query in ["key=sk-secret", "api-version=2&subscription-key=sk-secret", "sk-secret", "API-Version=sk-secret"]
        {
            let message = refused(&format!("https://h/v1?{query}"));
            assert!(message.contains("`api-version`") && !message.contains("secret"), "{query}: {message}");
        }
    }

    #[test]
    fn loopback_is_told_by_the_host() {
        for url in ["http://localhost:1/v1", "http://127.9.9.9", "http://[::1]:8", "http://a.localhost"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://localhost.example", "http://10.0.0.1", "https://api.openai.com", "", "http://0.0.0.0"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
