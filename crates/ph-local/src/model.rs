//! A loaded model: weights, tokenizer, chat template. Cheap to clone; shared by all workers.

use std::sync::Arc;

use ph_base::Digest;
use ph_model::{Message, ToolDefinition};

use crate::LocalError;
use crate::chat_template::ChatTemplate;
use crate::config::ModelConfig;
use crate::files::ModelFiles;
use crate::forward::{Forward, ROWS, Row, single_threaded};
use crate::kv_cache::{KvCache, KvShape};
use crate::render_host::{RenderHost, RenderProcess};
use crate::rope::RopeTable;
use crate::tokenizer::LocalTokenizer;
use crate::weights::Weights;

/// How a model is loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Longest context that is kept, prompt and reply together; the model's own limit holds too.
    pub context_max: usize,
    /// The process that makes the prompts of a model in a *directory*; without one the program itself does, on the
    /// template's allowance of instructions and output, which bounds neither its memory nor its time.
    pub render_host: Option<RenderHost>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { context_max: 4096, render_host: None }
    }
}

/// A model in memory.
#[derive(Debug, Clone)]
pub struct LocalModel {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ModelConfig,
    context: usize,
    weights: Weights,
    rope: RopeTable,
    tokenizer: LocalTokenizer,
    template: ChatTemplate,
    render_process: Option<RenderProcess>,
    eos: Vec<u32>,
    origin: String,
    fingerprint: Digest,
}

impl LocalModel {
    /// Reads a model: configuration, tokenizer, chat template, then weights.
    ///
    /// # Errors
    /// The first thing that is missing, damaged or not supported, with its file.
    pub fn load(files: &ModelFiles, options: &LoadOptions) -> Result<Self, LocalError> {
        let config = ModelConfig::read(files)?;
        let tokenizer = LocalTokenizer::read(files, config.vocab_size)?;
        let template = ChatTemplate::read(files)?;
        template.check()?;
        let weights = Weights::read(files, &config)?;
        let context = config.context.min(options.context_max).max(1);
        let render_process = match (files, &options.render_host) {
            (ModelFiles::Directory(_), Some(host)) => {
                Some(RenderProcess::new(host, files, (config.vocab_size, context))?)
            }
            _ => None,
        };
        let mut eos = config.eos.clone();
        if eos.is_empty() {
            eos.extend(template.eos_token().and_then(|token| tokenizer.id_of(token)));
        }
        let inner = Inner {
            rope: RopeTable::new(&config, context),
            origin: files.origin(),
            fingerprint: files.fingerprint()?,
            config,
            context,
            weights,
            tokenizer,
            template,
            render_process,
            eos,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Logits after every token of `tokens`: one line of `vocab_size` numbers each. For checks against other runtimes.
    ///
    /// # Errors
    /// When the tokens do not fit the context or the vocabulary.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<Vec<f32>>, LocalError> {
        self.logits_in_chunks(tokens, ROWS)
    }

    /// The same with at most `chunk` tokens per forward pass; the bits must not depend on it.
    #[doc(hidden)]
    pub fn logits_in_chunks(&self, tokens: &[u32], chunk: usize) -> Result<Vec<Vec<f32>>, LocalError> {
        self.check_prompt(tokens)?;
        let rows: Vec<Row> = tokens
            .iter()
            .enumerate()
            .map(|(position, token)| Row { slot: 0, position, token: *token, wants_logits: true })
            .collect();
        let mut caches = [KvCache::new(KvShape::new(self.config(), tokens.len()))];
        single_threaded(|| {
            let mut forward = Forward::new(self.clone());
            let mut lines = Vec::with_capacity(rows.len());
            for step in rows.chunks(chunk.clamp(1, ROWS)) {
                forward.step(&mut caches, step)?;
                lines.extend((0..step.len()).map(|n| forward.logits(n).to_vec()));
            }
            Ok(lines)
        })?
    }

    /// The tokens of a conversation, ready to run.
    ///
    /// # Errors
    /// When the template or the tokenizer fails, or the prompt cannot be run.
    pub(crate) async fn prompt(&self, messages: &[Message], tools: &[ToolDefinition]) -> Result<Vec<u32>, LocalError> {
        let tokens = match &self.inner.render_process {
            Some(process) => {
                let made = process.prompt(messages, tools).await?;
                self.check_count(made.count)?;
                made.tokens
            }
            None => self.tokenizer().encode(&self.template().render(messages, tools)?)?,
        };
        self.check_prompt(&tokens)?;
        Ok(tokens)
    }

    fn check_count(&self, count: usize) -> Result<(), LocalError> {
        if count <= self.context() {
            return Ok(());
        }
        let what = format!("has `{count}` tokens; the model's context is `{}`", self.context());
        Err(LocalError::Prompt { what })
    }

    /// Refuses tokens that cannot be run: none, too many, or beyond the vocabulary.
    pub(crate) fn check_prompt(&self, tokens: &[u32]) -> Result<(), LocalError> {
        let refuse = |what: String| Err(LocalError::Prompt { what });
        if tokens.is_empty() {
            return refuse("has no tokens".to_owned());
        }
        self.check_count(tokens.len())?;
        match tokens.iter().find(|token| **token as usize >= self.config().vocab_size) {
            Some(token) => refuse(format!("has token id `{token}` beyond the vocabulary")),
            None => Ok(()),
        }
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.inner.config
    }

    /// The most tokens that prompt and reply may have together.
    #[must_use]
    pub fn context(&self) -> usize {
        self.inner.context
    }

    /// The model's tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &LocalTokenizer {
        &self.inner.tokenizer
    }

    /// The model's chat template.
    #[must_use]
    pub fn template(&self) -> &ChatTemplate {
        &self.inner.template
    }

    /// Digest over the model's files; see [`ModelFiles::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        self.inner.fingerprint
    }

    /// What messages call the model.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// Token ids that end a reply.
    #[must_use]
    pub fn eos(&self) -> &[u32] {
        &self.inner.eos
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.inner.weights
    }

    pub(crate) fn rope(&self) -> &RopeTable {
        &self.inner.rope
    }
}
