//! From the name of a target behind an API to the endpoint that it means: address, credential, dialect.
//!
//! The environment is not read here: whoever calls hands a way to look variables up.

use std::fmt;
use std::sync::Arc;

use ph_base::Clock;
use ph_model::wire::Dialect;
use ph_model::{ModelApi, TargetName};
use ph_provider::{ApiKey, HttpModel, HttpModelSettings, Timeouts, is_loopback};

use crate::target::{InProcessTargets, TargetError, TargetOpener};

/// Which of OpenAI's APIs `openai/NAME` and `openai-api/SERVICE/NAME` speak: `chat` (the usual) or `responses`.
pub const OPENAI_API: &str = "PROOFHOUSE_OPENAI_API";

/// What stands in for a key at an endpoint on this machine, which needs none.
const LOOPBACK_KEY: &str = "loopback";
/// A key that no endpoint knows.
const STRANGERS_KEY: &str = "proofhouse-no-such-key";

/// Looks a variable of the environment up.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Opens targets behind an API.
#[derive(Clone)]
pub struct EndpointTargets {
    /// The environment.
    pub variables: Variables,
    /// The clock, for replies that name an instant to wait for.
    pub clock: Arc<dyn Clock>,
    /// The address of one target, instead of what its variables say.
    pub base_url: Option<(TargetName, String)>,
    /// The time limits of every call.
    pub timeouts: Timeouts,
    /// The URL of a proxy.
    pub proxy: Option<String>,
}

/// A provider: its variables and its own address.
struct Provider {
    dialect: Dialect,
    keys: Vec<String>,
    base_url: String,
    own_address: Option<&'static str>,
    model: String,
}

impl EndpointTargets {
    /// The endpoint that `name` means.
    ///
    /// # Errors
    /// [`TargetError`] where a variable is missing or cannot be used.
    pub fn settings(&self, name: &TargetName) -> Result<HttpModelSettings, TargetError> {
        let provider = self.provider(name)?;
        let base_url = self.base_url(name, &provider)?;
        let mut settings = HttpModelSettings::new(name.clone(), provider.dialect, &base_url, provider.model);
        let key = provider.keys.iter().find_map(|key| self.variable(key));
        settings.api_key = Some(match key {
            Some(key) => ApiKey::new(&key),
            None if is_loopback(&base_url) => ApiKey::new(LOOPBACK_KEY),
            None => {
                let variable = provider.keys.join("` or `");
                return Err(TargetError::NoKey { target: name.to_string(), variable });
            }
        });
        settings.timeouts = self.timeouts;
        settings.proxy.clone_from(&self.proxy);
        Ok(settings)
    }

    fn provider(&self, name: &TargetName) -> Result<Provider, TargetError> {
        let of = |dialect, service: &str, own_address, model: &str| Provider {
            dialect,
            keys: vec![format!("{service}_API_KEY")],
            base_url: format!("{service}_BASE_URL"),
            own_address,
            model: model.to_owned(),
        };
        Ok(match name {
            TargetName::OpenAi(model) => of(self.openai()?, "OPENAI", Some("https://api.openai.com/v1"), model),
            TargetName::Anthropic(model) => {
                of(Dialect::AnthropicMessages, "ANTHROPIC", Some("https://api.anthropic.com"), model)
            }
            TargetName::Google(model) => {
                let own = "https://generativelanguage.googleapis.com/v1beta";
                let mut provider = of(Dialect::GoogleGenerateContent, "GOOGLE", Some(own), model);
                provider.keys.push("GEMINI_API_KEY".to_owned());
                provider
            }
            TargetName::OpenAiApi { service, model } => {
                let service = service.to_uppercase().replace('-', "_");
                of(self.openai()?, &service, None, model)
            }
            other => return Err(TargetError::NotBuilt { target: other.to_string() }),
        })
    }

    fn openai(&self) -> Result<Dialect, TargetError> {
        match self.variable(OPENAI_API).as_deref() {
            None | Some("chat") => Ok(Dialect::OpenAiChat),
            Some("responses") => Ok(Dialect::OpenAiResponses),
            Some(_) => Err(TargetError::OpenAiApi),
        }
    }

    fn base_url(&self, name: &TargetName, provider: &Provider) -> Result<String, TargetError> {
        if let Some((target, url)) = &self.base_url
            && target == name
        {
            return Ok(url.clone());
        }
        self.variable(&provider.base_url)
            .or_else(|| provider.own_address.map(str::to_owned))
            .ok_or_else(|| TargetError::NoBaseUrl { target: name.to_string(), variable: provider.base_url.clone() })
    }

    /// A variable's value; an empty one counts as not set.
    fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.trim().is_empty())
    }

    fn open_with(&self, settings: HttpModelSettings) -> Result<Arc<dyn ModelApi>, TargetError> {
        let target = settings.target.to_string();
        match HttpModel::new(settings, Arc::clone(&self.clock)) {
            Ok(model) => Ok(Arc::new(model)),
            Err(source) => Err(TargetError::Endpoint { target, source: Box::new(source) }),
        }
    }
}

impl fmt::Debug for EndpointTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointTargets").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl TargetOpener for EndpointTargets {
    fn open(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, TargetError> {
        self.open_with(self.settings(name)?)
    }

    fn open_as_stranger(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, String> {
        let mut settings = self.settings(name).map_err(|error| error.to_string())?;
        if settings.api_key == Some(ApiKey::new(LOOPBACK_KEY)) {
            return Err("no credential is used: the endpoint is on this machine, and no key is set".to_owned());
        }
        settings.api_key = Some(ApiKey::new(STRANGERS_KEY));
        self.open_with(settings).map_err(|error| error.to_string())
    }
}

/// Opens every kind of target: in this process or behind an API.
#[derive(Debug, Clone)]
pub struct AllTargets {
    /// Those that run inside this process.
    pub in_process: InProcessTargets,
    /// Those behind an API.
    pub endpoints: EndpointTargets,
}

impl AllTargets {
    fn opener(&self, name: &TargetName) -> &dyn TargetOpener {
        if name.is_in_process() { &self.in_process } else { &self.endpoints }
    }
}

impl TargetOpener for AllTargets {
    fn open(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, TargetError> {
        self.opener(name).open(name)
    }

    fn open_as_stranger(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, String> {
        self.opener(name).open_as_stranger(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_base::Timestamp;
    use ph_testkit::FixedClock;

    fn targets(variables: &'static [(&'static str, &'static str)]) -> EndpointTargets {
        let find =
            move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        EndpointTargets {
            variables: Arc::new(find),
            clock: Arc::new(FixedClock::at(Timestamp(0))),
            base_url: None,
            timeouts: Timeouts::default(),
            proxy: None,
        }
    }

    #[test]
    fn names_and_variables_give_the_endpoint() {
        let targets = targets(&[
            ("OPENAI_API_KEY", "sk-1\n"),
            ("ANTHROPIC_API_KEY", "sk-2"),
            ("ANTHROPIC_BASE_URL", "https://a.test"),
            ("GEMINI_API_KEY", "sk-3"),
            ("MY_LAB_API_KEY", "sk-4"),
            ("MY_LAB_BASE_URL", "https://lab.test/v1"),
        ]);
        for (name, dialect, url, model, key) in [
            ("openai/gpt", Dialect::OpenAiChat, "https://api.openai.com/v1", "gpt", "sk-1"),
            ("anthropic/c", Dialect::AnthropicMessages, "https://a.test", "c", "sk-2"),
            (
                "google/g",
                Dialect::GoogleGenerateContent,
                "https://generativelanguage.googleapis.com/v1beta",
                "g",
                "sk-3",
            ),
            ("openai-api/my-lab/org/m", Dialect::OpenAiChat, "https://lab.test/v1", "org/m", "sk-4"),
        ] {
            let settings = targets.settings(&name.parse().unwrap()).unwrap();
            assert_eq!((settings.dialect, settings.base_url.as_str(), settings.model.as_str()), (dialect, url, model));
            assert_eq!(settings.api_key, Some(ApiKey::new(key)), "{name}");
            assert!(targets.open(&name.parse().unwrap()).is_ok());
            assert!(targets.open_as_stranger(&name.parse().unwrap()).is_ok());
        }
    }

    #[test]
    fn the_responses_api_is_asked_for() {
        let settings = |value: &'static [(&'static str, &'static str)]| {
            targets(value).settings(&"openai/gpt".parse().unwrap()).map(|settings| settings.dialect)
        };
        let responses = settings(&[("PROOFHOUSE_OPENAI_API", "responses"), ("OPENAI_API_KEY", "k")]).unwrap();
        assert_eq!(responses, Dialect::OpenAiResponses);
        let wrong = settings(&[("PROOFHOUSE_OPENAI_API", "chats"), ("OPENAI_API_KEY", "k")]).unwrap_err();
        assert!(wrong.to_string().contains("PROOFHOUSE_OPENAI_API"), "{wrong}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let check = |name: &str, said: &str| {
            let error = targets(&[("GOOGLE_API_KEY", " ")]).open(&name.parse().unwrap()).err().unwrap();
            let message = format!("{error}; {}", error.hint());
            assert!(message.contains(said), "{message}");
        };
        check("openai/gpt", "OPENAI_API_KEY");
        check("anthropic/c", "ANTHROPIC_API_KEY");
        check("google/g", "GOOGLE_API_KEY` or `GEMINI_API_KEY");
        check("openai-api/my-lab/m", "MY_LAB_BASE_URL");
    }

    #[test]
    fn an_endpoint_on_this_machine_needs_no_key() {
        let name: TargetName = "openai-api/here/m".parse().unwrap();
        let mut targets = targets(&[]);
        targets.base_url = Some((name.clone(), "http://127.0.0.1:1/v1".to_owned()));
        assert!(targets.open(&name).is_ok());
        assert!(targets.open_as_stranger(&name).err().unwrap().contains("no key is set"));
        // The address is of that target only.
        assert!(matches!(targets.open(&"openai-api/there/m".parse().unwrap()), Err(TargetError::NoBaseUrl { .. })));
    }

    #[test]
    fn an_address_that_cannot_be_used_is_told() {
        let name: TargetName = "openai/m".parse().unwrap();
        let mut targets = targets(&[("OPENAI_API_KEY", "k")]);
        targets.base_url = Some((name.clone(), "ftp://x".to_owned()));
        let error = targets.open(&name).err().unwrap();
        assert!(matches!(error, TargetError::Endpoint { .. }) && error.hint().contains("--base-url"), "{error}");
    }
}
