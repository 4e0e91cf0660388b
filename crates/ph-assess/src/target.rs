//! From a target's name to a model that can be asked.

use std::sync::Arc;

use ph_local::{LoadOptions, LocalError, LocalModel, LocalRuntime, ModelFiles, RuntimeOptions};
pub use ph_local::{RenderHost, serve_rendering};
use ph_model::{ModelApi, TargetName};
use ph_provider::{AddressError, SettingsError};

use crate::reference;

/// Opens targets. A target that is no longer held is closed.
pub trait TargetOpener: Send + Sync {
    /// Opens this target.
    ///
    /// # Errors
    /// [`TargetError`] where it is unknown, malformed or out of reach.
    fn open(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, TargetError>;

    /// Opens this target with a credential that is not valid, to see whether it is refused; else why that cannot be done.
    ///
    /// # Errors
    /// The reason, in words.
    fn open_as_stranger(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, String> {
        Err(match name.is_in_process() {
            true => "the target runs inside this process: there is no credential to refuse".to_owned(),
            false => "the target cannot be opened with another credential".to_owned(),
        })
    }

    /// What a report must say of how targets were reached.
    fn says(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A target cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// No reference model has this name.
    #[error("there is no reference model `{name}`")]
    UnknownReference {
        /// The name given.
        name: String,
    },
    /// The model's files are missing or malformed.
    #[error("cannot load target `{target}`")]
    Load {
        /// The target.
        target: String,
        /// Why.
        #[source]
        source: Box<LocalError>,
    },
    /// Nothing here reaches this kind of target.
    #[error("target `{target}` is behind an API, which this version cannot reach")]
    NotBuilt {
        /// The target.
        target: String,
    },
    /// No credential is set.
    #[error("no API key for target `{target}`: `{variable}` is not set")]
    NoKey {
        /// The target.
        target: String,
        /// The variable that should hold it.
        variable: String,
    },
    /// No address is set.
    #[error("no address for target `{target}`: `{variable}` is not set")]
    NoBaseUrl {
        /// The target.
        target: String,
        /// The variable that should hold it.
        variable: String,
    },
    /// A variable holds neither of two words.
    #[error("`PROOFHOUSE_OPENAI_API` is neither `chat` nor `responses`")]
    OpenAiApi,
    /// The endpoint's settings cannot be used.
    #[error("cannot reach target `{target}` with these settings")]
    Endpoint {
        /// The target.
        target: String,
        /// Why.
        #[source]
        source: Box<SettingsError>,
    },
}

impl TargetError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            TargetError::UnknownReference { .. } => {
                format!("the reference models are: {}", reference::names().collect::<Vec<_>>().join(", "))
            }
            TargetError::Load { source, .. } => source.hint().to_string(),
            TargetError::NotBuilt { .. } => "use `reference/NAME` or `local:DIR`".to_owned(),
            TargetError::NoKey { variable, .. } => {
                format!("set `{variable}` in the environment; an endpoint on this machine needs none")
            }
            TargetError::NoBaseUrl { variable, .. } => {
                format!("set `{variable}` in the environment, or give `--base-url`")
            }
            TargetError::OpenAiApi => "set it to one of them, or leave it out for `chat`".to_owned(),
            TargetError::Endpoint { source, .. } => settings_hint(source).to_owned(),
        }
    }
}

fn settings_hint(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::BaseUrl(AddressError::Query) => {
            "the address is recorded, and no key may be: set the key in the target's variable, for instance \
             `SERVICE_API_KEY`, and leave it out of the address"
        }
        SettingsError::BaseUrl(_) => {
            "give the base URL as the provider's SDK takes it, for instance `--base-url https://host/v1`"
        }
        SettingsError::ApiKey => "set the variable to the key alone, without line feeds or quotes",
        SettingsError::Proxy => "set `PROOFHOUSE_PROXY` to a URL such as `http://proxy.example:3128`, or leave it out",
        SettingsError::Client(_) => "see whether this machine's certificate store can be read",
    }
}

/// Opens the targets that run inside this process: reference models and model directories.
#[derive(Debug, Clone, Default)]
pub struct InProcessTargets {
    /// The process that makes the prompts of model directories, whose templates and tokenizers are foreign. Without one
    /// the program itself does, and a hostile one can take its memory and time.
    pub render_host: Option<RenderHost>,
}

impl TargetOpener for InProcessTargets {
    fn open(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, TargetError> {
        let files = match name {
            TargetName::Reference(reference) => {
                reference::files(reference).ok_or_else(|| TargetError::UnknownReference { name: reference.clone() })?
            }
            TargetName::Local(dir) => ModelFiles::directory(dir),
            other => return Err(TargetError::NotBuilt { target: other.to_string() }),
        };
        let options = LoadOptions { render_host: self.render_host.clone(), ..LoadOptions::default() };
        let load = |source: LocalError| TargetError::Load { target: name.to_string(), source: Box::new(source) };
        let model = LocalModel::load(&files, &options).map_err(load)?;
        let runtime = LocalRuntime::start(model, RuntimeOptions::new(name.clone())).map_err(load)?;
        Ok(Arc::new(runtime))
    }
}
