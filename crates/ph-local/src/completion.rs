//! Raw prompts over the runtime: text or token ids, without the chat template, with the prompt's own log-probabilities.

use async_trait::async_trait;
use ph_model::{
    CompletionApi, CompletionOutput, CompletionRequest, CompletionToken, ModelError, ModelErrorKind, ModelRequest,
    OutputChunk, OutputSink, RawPrompt, Usage,
};

use crate::LocalError;
use crate::runtime::{LocalRuntime, finish, unwanted};
use crate::sampler::{Scored, Settings};
use crate::sequence::{Prompt, Reply};

#[async_trait]
impl CompletionApi for LocalRuntime {
    async fn complete(
        &self,
        request: &CompletionRequest,
        sink: &mut dyn OutputSink,
    ) -> Result<CompletionOutput, ModelError> {
        let prompt = self.raw_prompt(request)?;
        let tokens = prompt.tokens.clone();
        let prompt_text = self.echoed(request, &tokens).map_err(|error| self.failed(&error))?;
        if let Some(text) = prompt_text.as_ref().filter(|text| !text.is_empty())
            && !sink.chunk(OutputChunk::Text(text.clone()))
        {
            return Err(unwanted());
        }
        let mut handed = 0;
        let reply = self
            .run_streamed(prompt, |piece| {
                handed += piece.len();
                sink.chunk(OutputChunk::Text(piece.to_owned()))
            })
            .await?;
        finish(sink, (&reply.text, handed), (reply.stop, reply.stop_text.as_deref()))?;
        let tokens = self.listed(request, (&tokens, &reply)).map_err(|error| self.failed(&error))?;
        Ok(CompletionOutput {
            prompt_text,
            stop_reason: reply.stop,
            usage: Usage {
                input_tokens: reply.prompt_tokens as u64,
                output_tokens: reply.generated_tokens as u64,
                ..Usage::default()
            },
            text: reply.text,
            tokens,
        })
    }

    fn count_tokens(&self, request: &ModelRequest) -> Result<u64, ModelError> {
        self.prompt_tokens(request).map(|count| count as u64).map_err(|error| self.failed(&error))
    }
}

impl LocalRuntime {
    /// The checked prompt. Only its length is the context's matter; anything else is wrong with the request.
    fn raw_prompt(&self, request: &CompletionRequest) -> Result<Prompt, ModelError> {
        let model = self.model();
        let settings = Settings::raw(&request.config, model.config().sampling).map_err(|error| self.failed(&error))?;
        let tokens = match &request.prompt {
            RawPrompt::Text(text) => model.tokenizer().encode_raw(text).map_err(|error| self.failed(&error))?,
            RawPrompt::Tokens(tokens) => tokens.clone(),
        };
        let refuse = |message: String| Err(ModelError::new(ModelErrorKind::InvalidRequest, message));
        if tokens.is_empty() {
            return refuse("the prompt has no tokens".to_owned());
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= model.config().vocab_size) {
            return refuse(format!("the prompt has the token id `{token}`, beyond the vocabulary"));
        }
        model.check_prompt(&tokens).map_err(|error| self.failed(&error))?;
        Ok(Prompt { tokens, settings, scores_prompt: request.echo, streams: true })
    }

    /// The prompt's text, where it is wanted: as it was given, or as its tokens read.
    fn echoed(&self, request: &CompletionRequest, tokens: &[u32]) -> Result<Option<String>, LocalError> {
        match &request.prompt {
            _ if !request.echo => Ok(None),
            RawPrompt::Text(text) => Ok(Some(text.clone())),
            RawPrompt::Tokens(_) => self.model().tokenizer().spell(tokens).map(Some),
        }
    }

    /// Every token with its log-probability, where they are wanted: the prompt's with `echo`, then the generated ones.
    fn listed(
        &self,
        request: &CompletionRequest,
        ran: (&[u32], &Reply),
    ) -> Result<Option<Vec<CompletionToken>>, LocalError> {
        let (prompt, reply) = ran;
        let config = &request.config;
        if !config.logprobs && config.top_logprobs.unwrap_or(0) == 0 {
            return Ok(None);
        }
        let generated = reply.scores.iter().chain(&reply.end_score);
        let mut scored: Vec<(u32, Option<&Scored>)> = Vec::with_capacity(prompt.len() + reply.scores.len() + 1);
        if request.echo {
            let scores = std::iter::once(None).chain(reply.prompt_scores.iter().map(Some));
            scored.extend(prompt.iter().copied().zip(scores));
        }
        scored.extend(generated.map(|score| (score.token, Some(score))));
        let ids: Vec<u32> = scored.iter().map(|(id, _)| *id).collect();
        let offsets = self.model().tokenizer().offsets(&ids)?;
        let token = |((id, score), offset): ((u32, Option<&Scored>), usize)| CompletionToken {
            token: self.model().tokenizer().token_text(id),
            logprob: score.map(|score| score.logprob),
            top: score.map(|score| self.alternatives(&score.top)).unwrap_or_default(),
            offset,
        };
        Ok(Some(scored.into_iter().zip(offsets).map(token).collect()))
    }
}
