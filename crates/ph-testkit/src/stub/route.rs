//! Which request is which.

use super::call::Dialect;
use super::http_request::Head;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    /// `sse` is false where a stream is asked for as one array.
    Google {
        model: &'a str,
        stream: bool,
        sse: bool,
    },
    Models(Dialect),
    Model(Dialect, &'a str),
    Stats,
    Reset,
    WrongMethod(Dialect),
    Unknown(Dialect),
}

impl Route<'_> {
    /// The dialect in which the client expects errors.
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Route::OpenAiResponses => Dialect::OpenAiResponses,
            Route::Anthropic => Dialect::Anthropic,
            Route::Google { .. } => Dialect::Google,
            Route::Models(dialect) | Route::Model(dialect, _) => dialect,
            Route::WrongMethod(dialect) | Route::Unknown(dialect) => dialect,
            Route::OpenAiChat | Route::Stats | Route::Reset => Dialect::OpenAiChat,
        }
    }
}

/// The route of a request.
pub(super) fn route(head: &Head) -> Route<'_> {
    let (path, query) = head.path.split_once('?').unwrap_or((&head.path, ""));
    let (method, found) = match path {
        "/v1/chat/completions" => ("POST", Route::OpenAiChat),
        "/v1/responses" => ("POST", Route::OpenAiResponses),
        "/v1/messages" => ("POST", Route::Anthropic),
        "/stats" => ("GET", Route::Stats),
        "/reset" => ("POST", Route::Reset),
        path => models(path, query, head),
    };
    match found {
        Route::Unknown(_) => found,
        _ if head.method == method => found,
        _ => Route::WrongMethod(found.dialect()),
    }
}

/// The paths of models. Three services have `/v1/models`: the headers tell which one is meant.
fn models<'a>(path: &'a str, query: &str, head: &Head) -> (&'static str, Route<'a>) {
    let dialect = match (head.anthropic, head.google) {
        (true, _) => Dialect::Anthropic,
        (_, true) => Dialect::Google,
        _ => Dialect::OpenAiChat,
    };
    let google = ["/v1beta/models", "/v1alpha/models"].into_iter().find_map(|prefix| path.strip_prefix(prefix));
    let (dialect, rest) = match (google, path.strip_prefix("/v1/models")) {
        (Some(rest), _) => (Dialect::Google, rest),
        (None, Some(rest)) => (dialect, rest),
        (None, None) => return ("", Route::Unknown(dialect)),
    };
    let Some(name) = rest.strip_prefix('/') else {
        return ("GET", if rest.is_empty() { Route::Models(dialect) } else { Route::Unknown(dialect) });
    };
    match name.rsplit_once(':') {
        Some((model, "generateContent")) => ("POST", Route::Google { model, stream: false, sse: true }),
        Some((model, "streamGenerateContent")) => {
            let sse = query.split('&').any(|pair| pair == "alt=sse");
            ("POST", Route::Google { model, stream: true, sse })
        }
        _ => ("GET", Route::Model(dialect, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Route<'_>) {
        let (method, path) = line.split_once(' ').unwrap();
        let head = Head { method: method.to_owned(), path: path.to_owned(), ..Head::default() };
        assert_eq!(route(&head), expected, "{line}");
    }

    #[test]
    fn routes() {
        check("POST /v1/chat/completions", Route::OpenAiChat);
        check("GET /v1/responses", Route::WrongMethod(Dialect::OpenAiResponses));
        check("POST /v1/messages?beta=true", Route::Anthropic);
        check("GET /v1/models", Route::Models(Dialect::OpenAiChat));
        check("GET /v1/models/a/b", Route::Model(Dialect::OpenAiChat, "a/b"));
        check("GET /v1beta/models", Route::Models(Dialect::Google));
        check("POST /v1beta/models/m:generateContent", Route::Google { model: "m", stream: false, sse: true });
        let stream = Route::Google { model: "m~hang", stream: true, sse: true };
        check("POST /v1beta/models/m~hang:streamGenerateContent?alt=sse", stream);
        check("POST /v1/models/m:generateContent", Route::Google { model: "m", stream: false, sse: true });
        check("GET /v2", Route::Unknown(Dialect::OpenAiChat));
    }
}
