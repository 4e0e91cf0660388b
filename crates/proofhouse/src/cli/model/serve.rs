//! `proofhouse model serve`: local models behind an OpenAI- and Anthropic-shaped endpoint.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_assess::{InProcessTargets, TargetOpener as _};
use ph_endpoint::{ApiKey, EndpointOptions, ServedModel};
use ph_model::TargetName;

use super::super::work::{render_host, target_failure};
use crate::clock::SystemClock;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::serving;

const AFTER_HELP: &str = "\
Examples:
  proofhouse model serve reference/sound --port 8080
  proofhouse model serve ./my-model reference/sound --port 0 --json
  proofhouse model serve ./my-model --host 0.0.0.0 --port 8080 --api-key-file ./key

  OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none python my_harness.py
  ANTHROPIC_BASE_URL=http://127.0.0.1:8080 ANTHROPIC_API_KEY=none python my_agent.py
  PH_BASE_URL=http://127.0.0.1:8080/v1 PH_API_KEY=none inspect eval task.py --model openai-api/ph/reference/sound

Paths: /v1/chat/completions, /v1/completions, /v1/models, /v1/messages, /v1/messages/count_tokens.
A directory is served under its own name, a reference model as `reference/NAME`. A reply depends on the request alone,
never on what else is served at the time. Without a key only this machine is answered.
Ctrl-C finishes what is under way and ends with 0; a second one drops it and ends with 130.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Model directories and reference models
    #[arg(value_name = "DIR|reference/NAME", required = true)]
    models: Vec<String>,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// Address to listen on; beyond loopback only with a key
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// File with the key that callers must show (`Authorization: Bearer` or `x-api-key`)
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Print `{address, models}` on stdout once listening
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let key = arguments.api_key_file.as_deref().map(read_key).transpose()?;
    if key.is_none() && !arguments.host.is_loopback() {
        let message = format!("`--host {}` would let other machines in without a key", arguments.host);
        return Err(Failure::new(Exit::Usage, "serve::open", message)
            .with_hint("give a key with `--api-key-file FILE`, or listen on 127.0.0.1"));
    }
    let models = open(&arguments.models)?;
    let options = EndpointOptions { key, ..EndpointOptions::new(Arc::new(SystemClock)) };
    serving::block_on(serve(arguments, models, options))
}

/// Listens, says where, serves until interrupted.
async fn serve(arguments: &Arguments, models: Vec<ServedModel>, options: EndpointOptions) -> Result<Exit, Failure> {
    let (listener, address) = serving::listen(arguments.host, arguments.port, "--host").await?;
    announce(arguments, address, &models)?;
    serving::serve(listener, ph_endpoint::router(models, options)).await
}

fn announce(arguments: &Arguments, address: SocketAddr, models: &[ServedModel]) -> Result<(), Failure> {
    let url = format!("http://{address}");
    let ids: Vec<&str> = models.iter().map(|served| served.id.as_str()).collect();
    if arguments.json {
        return output::json(&serde_json::json!({ "address": url, "models": ids }));
    }
    for id in &ids {
        output::say(&format!("serving {id}"));
    }
    output::data(&format!("listening on {url} (OpenAI: {url}/v1, Anthropic: {url})\n"))
}

fn open(arguments: &[String]) -> Result<Vec<ServedModel>, Failure> {
    let targets = InProcessTargets { render_host: render_host() };
    let mut ids = BTreeSet::new();
    let mut models = Vec::new();
    for argument in arguments {
        let (id, target) = named(argument);
        if !ids.insert(id.clone()) {
            let message = format!("two of the models would be served as `{}`", output::visible(&id));
            return Err(Failure::new(Exit::Usage, "serve::names", message)
                .with_hint("serve them by two servers, or rename one directory"));
        }
        let model = targets.open(&target).map_err(target_failure)?;
        models.push(ServedModel { id, model });
    }
    Ok(models)
}

/// The name under which a model is served, and its target.
fn named(argument: &str) -> (String, TargetName) {
    match argument.parse() {
        Ok(target @ TargetName::Reference(_)) => (argument.to_owned(), target),
        Ok(TargetName::Local(dir)) => (directory_name(&dir), TargetName::Local(dir)),
        _ => (directory_name(argument), TargetName::Local(argument.to_owned())),
    }
}

/// The directory's own name; the path as given where it has none of its own (`.`, `..`).
fn directory_name(dir: &str) -> String {
    let path = Path::new(dir);
    let whole = path.canonicalize();
    let path = whole.as_deref().unwrap_or(path);
    path.file_name().map_or_else(|| dir.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn read_key(file: &Path) -> Result<ApiKey, Failure> {
    let shown = output::visible(&file.display().to_string());
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Malformed, "serve::key", format!("cannot read the key in `{shown}`: {error}"))
            .with_hint("give a file that holds the key alone")
    })?;
    ApiKey::new(&text).map_err(|error| {
        Failure::new(Exit::Malformed, "serve::key", format!("`{shown}` holds no usable key: {error}"))
            .with_hint("make one with `openssl rand -hex 32 > FILE`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argument: &str, id: &str, target: &str) {
        let (got, name) = named(argument);
        assert_eq!((got.as_str(), name.to_string().as_str()), (id, target), "{argument}");
    }

    #[test]
    fn directories_are_served_under_their_own_name() {
        check("reference/sound", "reference/sound", "reference/sound");
        check("/models/tiny/", "tiny", "local:/models/tiny/");
        check("local:/models/tiny", "tiny", "local:/models/tiny");
        check("openai/tiny", "tiny", "local:openai/tiny");
    }
}
