//! Values of a task that no type can rule out, each with its place in `task.toml`.

use ph_model::{GenerateConfig, TargetName};
use ph_record::{EpochsSpec, TaskSpec};

use crate::parameters::list;
use crate::scorer::ScorerSet;
use crate::toml_shape::Step;

/// Where a value is wrong, and what is.
type ValueProblem<'a> = (Vec<Step<'a>>, String);

/// Values that no type can rule out.
pub(crate) fn check_values<'a>(spec: &'a TaskSpec, scorers: &ScorerSet) -> Result<(), ValueProblem<'a>> {
    let wrong = |path: &[Step<'static>], problem: String| Err((path.to_vec(), problem));
    if !is_slug(&spec.name) {
        let problem = format!("`{}` is not a task name (lower-case letters, digits, `-`)", spec.name);
        return wrong(&[Step::Key("name")], problem);
    }
    if let Some(domain) =
        spec.domain.as_ref().filter(|domain| !matches!(domain.as_str(), "D1" | "D2" | "D3" | "D4" | "D5"))
    {
        return wrong(&[Step::Key("domain")], format!("`{domain}` is not one of `D1` to `D5`"));
    }
    if spec.epochs.count == 0 {
        return wrong(&[Step::Key("epochs"), Step::Key("count")], "an item is asked at least once".to_owned());
    }
    if spec.limits.messages == Some(0) {
        return wrong(&[Step::Key("limits"), Step::Key("messages")], "a limit of messages is more than 0".to_owned());
    }
    if spec.limits.time_seconds.is_some_and(|seconds| !(seconds.is_finite() && seconds > 0.0)) {
        return wrong(&[Step::Key("limits"), Step::Key("time_seconds")], "a time limit is more than 0".to_owned());
    }
    check_config(&[Step::Key("config")], &spec.config)?;
    check_roles(spec)?;
    check_reducers(&spec.epochs)?;
    check_measures(spec, scorers)
}

/// Settings that no target takes.
fn check_config<'a>(at: &[Step<'a>], config: &GenerateConfig) -> Result<(), ValueProblem<'a>> {
    let wrong = |key, problem: String| Err((at.iter().copied().chain([Step::Key(key)]).collect(), problem));
    if let Some(temperature) = config.temperature.filter(|value| !(value.is_finite() && *value >= 0.0)) {
        return wrong("temperature", format!("a temperature is a number of at least 0, not `{temperature}`"));
    }
    if let Some(top_p) = config.top_p.filter(|value| !(*value > 0.0 && *value <= 1.0)) {
        return wrong("top_p", format!("`top_p` is above 0 and at most 1, not `{top_p}`"));
    }
    if config.max_tokens == Some(0) {
        return wrong("max_tokens", "a reply has at least 1 token".to_owned());
    }
    if let Some(top) = config.top_logprobs.filter(|top| *top > TOP_LOGPROBS_MAX) {
        return wrong("top_logprobs", format!("at most {TOP_LOGPROBS_MAX} alternatives are reported, not {top}"));
    }
    if config.stop.iter().any(String::is_empty) {
        return wrong("stop", "a text at which generation ends is not empty".to_owned());
    }
    Ok(())
}

/// The most alternatives per token that any target reports.
const TOP_LOGPROBS_MAX: u8 = 20;

/// Roles have names and settings, and the targets they name can be one.
fn check_roles(spec: &TaskSpec) -> Result<(), ValueProblem<'_>> {
    for (role, of) in &spec.roles {
        let at = |key| vec![Step::Key("roles"), Step::Key(role), Step::Key(key)];
        if !is_role(role) {
            let problem = format!("`{role}` is not a role (letters, digits, `-`, `_`)");
            return Err((vec![Step::Key("roles"), Step::Key(role)], problem));
        }
        if let Some(Err(error)) = of.target.as_ref().map(|target| target.parse::<TargetName>()) {
            return Err((at("target"), error.to_string()));
        }
        check_config(&at("config"), &of.config)?;
    }
    Ok(())
}

/// Whether a word can name a role.
fn is_role(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn check_reducers(epochs: &EpochsSpec) -> Result<(), ValueProblem<'static>> {
    let at = || vec![Step::Key("epochs"), Step::Key("reducer")];
    if epochs.reducer.all().is_empty() {
        return Err((at(), "there is no reducer".to_owned()));
    }
    match epochs.reducer.all().iter().find(|reducer| reducer.epochs_needed() > epochs.count) {
        None => Ok(()),
        Some(reducer) => {
            let problem = format!("`{reducer}` needs {} epochs; `count` is {}", reducer.epochs_needed(), epochs.count);
            Err((at(), problem))
        }
    }
}

fn check_measures(spec: &TaskSpec, scorers: &ScorerSet) -> Result<(), ValueProblem<'static>> {
    let measures = &spec.analysis.measures;
    for (index, measure) in measures.iter().enumerate() {
        let at = |key| vec![Step::Key("analysis"), Step::Key("measures"), Step::Index(index), Step::Key(key)];
        if !is_slug(&measure.id) {
            return Err((
                at("id"),
                format!("`{}` is not a measure's id (lower-case letters, digits, `-`)", measure.id),
            ));
        }
        if measures[..index].iter().any(|earlier| earlier.id == measure.id) {
            return Err((at("id"), format!("the measure `{}` comes twice", measure.id)));
        }
        if !scorers.labels().any(|label| label == measure.score) {
            let problem = format!("no scorer records `{}`; there are {}", measure.score, list(scorers.labels()));
            return Err((at("score"), problem));
        }
    }
    Ok(())
}

fn is_slug(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
