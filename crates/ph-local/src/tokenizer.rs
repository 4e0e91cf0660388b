//! Text to token ids and back.
//!
//! Called by the loader and by the worker. The tokenizer file is foreign and its library may panic on a malformed one,
//! so every call into it is fenced: a panic becomes an error. It must not add special tokens: those come from the chat
//! template.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use crate::LocalError;
use crate::config::clip;
use crate::files::ModelFiles;

pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// The model's tokenizer, checked against its vocabulary size.
pub struct LocalTokenizer {
    inner: tokenizers::Tokenizer,
    path: String,
}

impl std::fmt::Debug for LocalTokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalTokenizer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl LocalTokenizer {
    /// Reads `tokenizer.json` and refuses one whose ids reach `vocab_size`.
    ///
    /// # Errors
    /// Names the file and the token that does not fit.
    pub fn read(files: &ModelFiles, vocab_size: usize) -> Result<Self, LocalError> {
        let path = files.path_of(TOKENIZER);
        let text = files.read_text(TOKENIZER)?;
        let mut inner = fenced(&path, || tokenizers::Tokenizer::from_str(&text))?;
        inner.with_padding(None);
        fenced(&path, || inner.with_truncation(None).map(|_| ()))?;
        let vocab = fenced(&path, || Ok(inner.get_vocab(true)))?;
        if vocab.is_empty() {
            return Err(LocalError::Tokenizer { path, what: "it has no tokens".to_owned() });
        }
        if let Some((token, id)) = vocab.iter().max_by_key(|(_, id)| **id)
            && *id as usize >= vocab_size
        {
            let what = format!("token `{}` has id `{id}`, but the model has only `{vocab_size}` ids", clip(token));
            return Err(LocalError::Tokenizer { path, what });
        }
        Ok(Self { inner, path })
    }

    /// The ids of a text; special tokens written out in it become single ids, nothing is added.
    ///
    /// # Errors
    /// When the tokenizer fails on this text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, LocalError> {
        fenced(&self.path, || Ok(self.inner.encode_fast(text, false)?.get_ids().to_vec()))
    }

    /// The text of ids, special tokens left out; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer fails on these ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, LocalError> {
        fenced(&self.path, || self.inner.decode(ids, true))
    }

    /// The text of one token as it stands in a list of log-probabilities; special tokens are spelled out.
    #[must_use]
    pub fn token_text(&self, id: u32) -> String {
        let decoded = fenced(&self.path, || self.inner.decode(&[id], false));
        decoded.unwrap_or_else(|_| self.inner.id_to_token(id).unwrap_or_default())
    }

    /// The id of a token spelled exactly so.
    #[must_use]
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// Turns the library's errors and panics into [`LocalError::Tokenizer`].
fn fenced<T>(path: &str, call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, LocalError> {
    let refuse = |what: String| LocalError::Tokenizer { path: path.to_owned(), what };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(refuse(clip(&error.to_string()))),
        Err(_) => Err(refuse("the tokenizer library failed on it".to_owned())),
    }
}

/// Decodes token by token, holding back what is not yet whole characters.
///
/// The text handed out so far never changes: a token is decoded together with the tokens before it back to the last
/// clean border, because decoders join tokens (bytes of one character, spaces).
#[derive(Debug, Default)]
pub(crate) struct IncrementalText {
    /// Tokens since the last clean border but one.
    window: Vec<u32>,
    /// How many of them are already handed out.
    shown: usize,
}

impl IncrementalText {
    /// Adds a token and returns the text that became certain.
    pub(crate) fn push(&mut self, id: u32, tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
        self.window.push(id);
        let before = tokenizer.decode(&self.window[..self.shown])?;
        let now = tokenizer.decode(&self.window)?;
        if now.ends_with('\u{FFFD}') && self.window.len() - self.shown < UNCERTAIN_TOKENS_MAX {
            return Ok(String::new());
        }
        let fresh = now.strip_prefix(before.as_str()).unwrap_or(&now).to_owned();
        self.window.drain(..self.shown);
        self.shown = self.window.len();
        Ok(fresh)
    }

    /// The text still held back at the end of the reply.
    pub(crate) fn rest(&self, tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
        let before = tokenizer.decode(&self.window[..self.shown])?;
        let now = tokenizer.decode(&self.window)?;
        Ok(now.strip_prefix(before.as_str()).unwrap_or_default().to_owned())
    }
}

/// A character has at most four bytes; after so many tokens a U+FFFD is there to stay.
const UNCERTAIN_TOKENS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny;

    #[test]
    fn characters_split_over_tokens_come_out_whole() {
        let tokenizer = tiny::tokenizer();
        for text in ["plain", "naïve café", "日本語 🦀 end", "a\u{FFFD}b", "é"] {
            let ids = tokenizer.encode(text).unwrap();
            assert!(ids.len() >= text.len(), "byte-level: one id per byte");
            let mut incremental = IncrementalText::default();
            let mut out = String::new();
            for id in ids {
                out.push_str(&incremental.push(id, &tokenizer).unwrap());
                assert!(text.starts_with(&out), "{out:?} of {text:?}");
            }
            out.push_str(&incremental.rest(&tokenizer).unwrap());
            assert_eq!(out, text);
        }
    }

    #[test]
    fn broken_bytes_are_replaced_not_held_for_ever() {
        let tokenizer = tiny::tokenizer();
        let lead = tokenizer.encode("é").unwrap()[0];
        let mut incremental = IncrementalText::default();
        let mut out = String::new();
        for _ in 0..10 {
            out.push_str(&incremental.push(lead, &tokenizer).unwrap());
        }
        assert!(out.chars().count() >= 8 && out.chars().all(|c| c == '\u{FFFD}'), "{out:?}");
    }

    #[test]
    fn ids_beyond_the_vocabulary_are_refused() {
        let files = tiny::files(&tiny::Shape::default());
        let message = LocalTokenizer::read(&files, 20).unwrap_err().to_string();
        assert!(message.contains("tokenizer.json") && message.contains("only `20` ids"), "{message}");
    }
}
