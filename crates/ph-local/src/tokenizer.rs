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
    /// The id of [`ANCHOR`], where that is a token of its own.
    anchor: Option<u32>,
    /// Most U+FFFD at the end of a decoded text that may still become a character.
    uncertain_chars: usize,
}

/// Decoded before other tokens, because decoders strip a space at the beginning of a text.
const ANCHOR: &str = "a";

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
        let mut read = Self { inner, path, anchor: None, uncertain_chars: 1 };
        read.anchor = read.id_of(ANCHOR).filter(|id| read.decode(&[*id]).is_ok_and(|text| text == ANCHOR));
        if read.id_of("<0xF0>").is_some() {
            // Bytes that are tokens of their own are replaced one by one until their character is whole.
            read.uncertain_chars = 3;
        }
        Ok(read)
    }

    /// The ids of a text; special tokens written out in it become single ids, nothing is added.
    ///
    /// # Errors
    /// When the tokenizer fails on this text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, LocalError> {
        fenced(&self.path, || Ok(self.inner.encode_fast(text, false)?.get_ids().to_vec()))
    }

    /// The ids of a raw text, with the start token and whatever else the model's own tokenizer adds to one.
    ///
    /// # Errors
    /// When the tokenizer fails on this text.
    pub fn encode_raw(&self, text: &str) -> Result<Vec<u32>, LocalError> {
        fenced(&self.path, || Ok(self.inner.encode_fast(text, true)?.get_ids().to_vec()))
    }

    /// The text of ids, special tokens left out; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer fails on these ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, LocalError> {
        fenced(&self.path, || self.inner.decode(ids, true))
    }

    /// The text of one token as it stands in a list of log-probabilities: special tokens spelled out, a space at its
    /// beginning kept.
    #[must_use]
    pub fn token_text(&self, id: u32) -> String {
        self.spell(&[id]).unwrap_or_else(|_| self.inner.id_to_token(id).unwrap_or_default())
    }

    /// The text of ids in the middle of a text: special tokens spelled out, a space at the beginning kept.
    pub(crate) fn spell(&self, ids: &[u32]) -> Result<String, LocalError> {
        if let Some(anchor) = self.anchor {
            let anchored: Vec<u32> = std::iter::once(anchor).chain(ids.iter().copied()).collect();
            let text = fenced(&self.path, || self.inner.decode(&anchored, false))?;
            if let Some(text) = text.strip_prefix(ANCHOR) {
                return Ok(text.to_owned());
            }
        }
        fenced(&self.path, || self.inner.decode(ids, false))
    }

    /// For every token its place in the text of all of them, in characters. Tokens that share a character share a place.
    pub(crate) fn offsets(&self, ids: &[u32]) -> Result<Vec<usize>, LocalError> {
        let mut text = IncrementalText::spelled();
        let mut offset = 0;
        let mut offsets = Vec::with_capacity(ids.len());
        for id in ids {
            offsets.push(offset);
            offset += text.push(*id, self)?.chars().count();
        }
        Ok(offsets)
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
    /// How many of them stand before the last clean border.
    context: usize,
    /// Bytes handed out of what stands after it.
    given: usize,
    /// Whether special tokens are spelled out.
    spelled: bool,
}

/// Tokens after a clean border that are decoded again for each further one; a longer run of broken bytes is taken as
/// it stands.
const UNCERTAIN_TOKENS_MAX: usize = 64;

impl IncrementalText {
    /// One that spells special tokens out.
    pub(crate) fn spelled() -> Self {
        Self { spelled: true, ..Self::default() }
    }

    /// Adds a token and returns the text that became certain.
    pub(crate) fn push(&mut self, id: u32, tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
        self.window.push(id);
        let mut fresh = self.after_border(tokenizer)?;
        let uncertain = fresh.chars().rev().take_while(|c| *c == char::REPLACEMENT_CHARACTER).count();
        let is_clean = uncertain == 0 || self.window.len() - self.context > UNCERTAIN_TOKENS_MAX;
        if !is_clean {
            let held = uncertain.min(tokenizer.uncertain_chars) * char::REPLACEMENT_CHARACTER.len_utf8();
            fresh.truncate(fresh.len() - held);
        }
        let more = fresh.get(self.given..).unwrap_or_default().to_owned();
        self.given = self.given.max(fresh.len());
        if is_clean {
            self.window.drain(..self.context);
            self.context = self.window.len();
            self.given = 0;
        }
        Ok(more)
    }

    /// The text still held back at the end of the reply.
    pub(crate) fn rest(&self, tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
        let fresh = self.after_border(tokenizer)?;
        Ok(fresh.get(self.given..).unwrap_or_default().to_owned())
    }

    /// The text after the last clean border.
    fn after_border(&self, tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
        let before = self.decode(&self.window[..self.context], tokenizer)?;
        let mut now = self.decode(&self.window, tokenizer)?;
        let same = before.chars().zip(now.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        Ok(now.split_off(same))
    }

    fn decode(&self, ids: &[u32], tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
        if self.spelled { tokenizer.spell(ids) } else { tokenizer.decode(ids) }
    }
}

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
    fn random_bytes_come_out_as_decoding_them_together() {
        let tokenizer = tiny::tokenizer();
        let mut random = 1_u32;
        for _ in 0..200 {
            let ids: Vec<u32> = (0..40)
                .map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    [0x41, 0x80, 0xA6, 0x9F, 0xC3, 0xE2, 0xF0, 0xFF][(random >> 29) as usize]
                })
                .collect();
            let mut incremental = IncrementalText::default();
            let mut out = String::new();
            for id in &ids {
                out.push_str(&incremental.push(*id, &tokenizer).unwrap());
            }
            out.push_str(&incremental.rest(&tokenizer).unwrap());
            assert_eq!(out, tokenizer.decode(&ids).unwrap(), "{ids:?}");
        }
    }

    #[test]
    fn places_are_counted_in_characters() {
        let tokenizer = tiny::tokenizer();
        let ids = tokenizer.encode("aé<|end|> b").unwrap();
        assert_eq!(tokenizer.offsets(&ids).unwrap(), [0, 1, 1, 2, 9, 10]);
        let texts: Vec<String> = ids.iter().map(|id| tokenizer.token_text(*id)).collect();
        assert_eq!(texts, ["a", "\u{FFFD}", "\u{FFFD}", "<|end|>", " ", "b"]);
    }

    #[test]
    fn ids_beyond_the_vocabulary_are_refused() {
        let files = tiny::files(&tiny::Shape::default());
        let message = LocalTokenizer::read(&files, 20).unwrap_err().to_string();
        assert!(message.contains("tokenizer.json") && message.contains("only `20` ids"), "{message}");
    }
}
