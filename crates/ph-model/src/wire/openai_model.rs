//! What OpenAI's own models take differently, told by their names as OpenAI's SDKs and guides do.

/// Whether `model` is one of OpenAI's reasoning models (`o1`, `o4-mini`, `gpt-5`, …): they know
/// `max_completion_tokens` only, and give encrypted reasoning.
pub(super) fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let digits_after = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse::<u32>().ok()
    };
    if name.contains("-chat") {
        return false;
    }
    digits_after("o").is_some() || digits_after("gpt-").is_some_and(|generation| generation >= 5)
}

#[cfg(test)]
mod tests {
    use super::is_reasoning_model;

    #[test]
    fn names_tell() {
        for name in ["o1", "o3-mini", "gpt-5", "gpt-5.2-pro", "openai/gpt-5-nano", "gpt-6"] {
            assert!(is_reasoning_model(name), "{name}");
        }
        for name in ["gpt-4o", "gpt-4.1", "gpt-oss-120b", "gpt-5-chat-latest", "olmo-2", "chatgpt-4o-latest", "", "o"] {
            assert!(!is_reasoning_model(name), "{name}");
        }
    }
}
