//! One log's public side over HTTP, for whoever has its credential: C2SP `tlog-tiles` below `/`.
//!
//! A request is answered by its path alone, which must be exactly that of a tile, an entry bundle or `checkpoint`; no other file
//! of the directory can be named. Leaves are salted commitments: what a reader gets says that something was recorded, not what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ph_base::Digest;
use ph_proof::merkle::{EntryBundle, Tile};
use subtle::ConstantTimeEq as _;

use crate::recorder::Random;
use crate::tile_dir::{TileDir, TileDirError};

/// A tile never changes; it is nobody's but the reader's who has the credential.
const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// The latest tree head is asked for anew every time.
const NEVER: HeaderValue = HeaderValue::from_static("no-store");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What a reader's credential is known by: its digest. The credential itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReadCredential(Digest);

impl std::fmt::Debug for ReadCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadCredential(digest)")
    }
}

impl ReadCredential {
    /// A new credential: 32 random bytes in base64url, to be given to the reader and not kept, and what it is known by.
    #[must_use]
    pub fn new(random: &Random) -> (String, Self) {
        let mut bytes = [0; 32];
        random(&mut bytes);
        let text = URL_SAFE_NO_PAD.encode(bytes);
        let known = Self(Digest::of(text.as_bytes()));
        (text, known)
    }

    /// The credential of this digest, as it was stored.
    #[must_use]
    pub fn of_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0
    }

    /// Whether this text is the credential; how long that takes says nothing of how much of it is right.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        Digest::of(text.as_bytes()).bytes().ct_eq(self.0.bytes()).into()
    }
}

struct Log {
    tiles: TileDir,
    credentials: Vec<ReadCredential>,
}

/// The routes of one log, below which nothing else is; each of `credentials` opens it.
pub fn router(tiles: TileDir, credentials: Vec<ReadCredential>) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Log { tiles, credentials }))
}

/// What a path names.
enum Named {
    Checkpoint,
    Tile(Tile),
    Bundle(EntryBundle),
}

impl Named {
    fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if path == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        path.parse().map(Self::Bundle).or_else(|_| path.parse().map(Self::Tile)).ok()
    }

    fn read(&self, tiles: &TileDir) -> Result<Option<Vec<u8>>, TileDirError> {
        match self {
            Self::Checkpoint => Ok(tiles.checkpoint()?.map(|note| note.to_string().into_bytes())),
            Self::Tile(tile) => tiles.tile(*tile),
            Self::Bundle(bundle) => tiles.bundle(*bundle),
        }
    }

    fn headers(&self) -> [(header::HeaderName, HeaderValue); 2] {
        let (kind, cache) = match self {
            Self::Checkpoint => (TEXT, NEVER),
            Self::Tile(_) | Self::Bundle(_) => (BYTES, FOR_EVER),
        };
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)]
    }
}

async fn answer(State(log): State<Arc<Log>>, request: Request) -> Response {
    if !log.admits(request.headers()) {
        let challenge = HeaderValue::from_static("Bearer");
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allowed = HeaderValue::from_static("GET, HEAD");
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allowed)]).into_response();
    }
    let uri = request.uri();
    let named = if uri.query().is_some() { None } else { Named::parse(uri.path()) };
    let Some(named) = named else { return StatusCode::NOT_FOUND.into_response() };
    let headers = named.headers();
    match tokio::task::spawn_blocking(move || named.read(&log.tiles)).await {
        Ok(Ok(Some(bytes))) => (headers, bytes).into_response(),
        Ok(Ok(None)) => StatusCode::NOT_FOUND.into_response(),
        // What is wrong with the disk is not the reader's to know.
        Ok(Err(_)) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Log {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else { return false };
        let Some((scheme, text)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else { return false };
        // All are compared, so that it takes as long whichever it is.
        let is_known = self.credentials.iter().fold(false, |found, credential| found | credential.is(text));
        is_known && scheme.eq_ignore_ascii_case("bearer")
    }
}
