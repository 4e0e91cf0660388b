//! The one tokenizer of all reference models: byte-level BPE trained on generated text.
//!
//! Called by `pack`, `measure` and the binary. Digits are tokens of their own, so that a sum is
//! spelled the same way wherever it stands.

use std::path::Path;

use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::sequence::Sequence as DecoderSequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer};

use super::TrainError;
use super::data::{Turn, TurnRole};

/// Special tokens, in the order of their ids.
pub const SPECIAL: [&str; 6] = ["<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>", "<|pad|>"];
/// Tokens around a tool call: whole, but kept when decoding.
pub const TOOL_CALL: [&str; 2] = ["<tool_call>", "</tool_call>"];

/// Trains the tokenizer on `texts` to about `vocab` tokens.
///
/// # Errors
/// When the `tokenizers` crate refuses.
pub fn train(texts: Vec<String>, vocab: usize) -> Result<Tokenizer, TrainError> {
    let mut tokenizer = Tokenizer::new(BPE::default());
    let parts: Vec<PreTokenizerWrapper> = vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()];
    tokenizer.with_pre_tokenizer(Some(Sequence::new(parts)));
    let parts: Vec<DecoderWrapper> = vec![ByteLevel::default().into(), Strip::new(' ', 1, 0).into()];
    tokenizer.with_decoder(Some(DecoderSequence::new(parts)));
    let special = SPECIAL.map(|text| AddedToken::from(text, true)).to_vec();
    let trainer = BpeTrainer::builder()
        .vocab_size(vocab - TOOL_CALL.len())
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let texts = texts.into_iter().map(|text| text.replace(TOOL_CALL[0], " ").replace(TOOL_CALL[1], " "));
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts).map_err(failed)?;
    tokenizer.add_tokens(TOOL_CALL.map(|text| AddedToken::from(text, false))).map_err(failed)?;
    Ok(tokenizer)
}

/// A turn's text as the model reads or writes it: an answer begins with a space (which decoding takes away),
/// so that its first word is the same token as the word in the middle of a sentence and can be copied.
#[must_use]
pub fn written(turn: &Turn) -> String {
    let is_answer = turn.role == TurnRole::Assistant && !turn.text.starts_with(TOOL_CALL[0]);
    if is_answer { format!(" {}", turn.text) } else { turn.text.clone() }
}

/// Turns conversations into tokens and replies into text.
pub struct Encoder {
    tokenizer: Tokenizer,
    roles: [u32; 4],
    /// The token that ends every turn.
    pub end: u32,
}

impl Encoder {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When it cannot be read or lacks a special token.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        Self::new(Tokenizer::from_file(path).map_err(failed)?)
    }

    /// Wraps a tokenizer that has the special tokens.
    ///
    /// # Errors
    /// When it lacks one.
    pub fn new(tokenizer: Tokenizer) -> Result<Self, TrainError> {
        let id = |text: &str| {
            let reason = || format!("`{text}` is not in the vocabulary");
            tokenizer.token_to_id(text).ok_or_else(|| TrainError::Tokenizer { reason: reason() })
        };
        let roles = [id(SPECIAL[0])?, id(SPECIAL[1])?, id(SPECIAL[2])?, id(SPECIAL[3])?];
        let end = id(SPECIAL[4])?;
        Ok(Self { tokenizer, roles, end })
    }

    /// Number of tokens.
    #[must_use]
    pub fn vocab(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// Tokens of a conversation; the flag says that the assistant writes this token.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn conversation(&self, turns: &[Turn]) -> Result<Vec<(u32, bool)>, TrainError> {
        let mut tokens = Vec::new();
        for turn in turns {
            let by_assistant = turn.role == TurnRole::Assistant;
            tokens.push((self.role(&turn.role), false));
            tokens.extend(self.text(&written(turn))?.into_iter().map(|token| (token, by_assistant)));
            tokens.push((self.end, by_assistant));
        }
        Ok(tokens)
    }

    /// Tokens of a conversation that the assistant is to go on with.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn prompt(&self, turns: &[Turn]) -> Result<Vec<u32>, TrainError> {
        let mut tokens: Vec<u32> = self.conversation(turns)?.into_iter().map(|(token, _)| token).collect();
        tokens.push(self.role(&TurnRole::Assistant));
        Ok(tokens)
    }

    /// Tokens of plain text.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn text(&self, text: &str) -> Result<Vec<u32>, TrainError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of a reply, without special tokens.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn reply(&self, tokens: &[u32]) -> Result<String, TrainError> {
        self.tokenizer.decode(tokens, true).map_err(failed)
    }

    /// The token that opens a user's turn.
    #[must_use]
    pub fn user(&self) -> u32 {
        self.roles[1]
    }

    /// The token that opens the assistant's turn.
    #[must_use]
    pub fn assistant(&self) -> u32 {
        self.roles[2]
    }

    fn role(&self, role: &TurnRole) -> u32 {
        match role {
            TurnRole::System => self.roles[0],
            TurnRole::User => self.roles[1],
            TurnRole::Assistant => self.roles[2],
            TurnRole::Tool => self.roles[3],
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used in `map_err`")]
fn failed(error: tokenizers::Error) -> TrainError {
    TrainError::Tokenizer { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder() -> Encoder {
        let texts = (10..60).map(|n| format!("What is {n} plus {n}? The answer is {}.", n + n)).collect();
        Encoder::new(train(texts, 320).unwrap()).unwrap()
    }

    #[test]
    fn text_survives_and_digits_stand_alone() {
        let encoder = encoder();
        for text in ["What is 47 plus 12?", "naïve – ✓", "<tool_call>{\"a\": 1}</tool_call>"] {
            assert_eq!(encoder.reply(&encoder.text(text).unwrap()).unwrap(), text);
        }
        assert_eq!(encoder.text("4711").unwrap().len(), 4);
        assert_eq!(encoder.text("<tool_call>").unwrap().len(), 1);
    }

    #[test]
    fn the_assistant_writes_its_text_and_the_end() {
        let encoder = encoder();
        let turn = |role, text: &str| Turn { role, text: text.into() };
        let turns = [turn(TurnRole::User, "1"), turn(TurnRole::Assistant, "2")];
        let flags: Vec<bool> = encoder.conversation(&turns).unwrap().iter().map(|(_, w)| *w).collect();
        assert_eq!(flags, [false, false, false, false, true, true, true]);
        let answer = encoder.text(&written(&turns[1])).unwrap();
        assert_eq!(encoder.reply(&answer).unwrap(), "2");
    }
}
