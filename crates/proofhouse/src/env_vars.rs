//! Every environment variable that the program reads.

/// Any value: no colours (<https://no-color.org>).
pub(crate) const NO_COLOR: &str = "NO_COLOR";

/// The URL of a proxy for calls to endpoints. What other programs take (`HTTPS_PROXY`) is not read: a proxy that
/// nobody named must not stand between an assessment and its target.
pub(crate) const PROOFHOUSE_PROXY: &str = "PROOFHOUSE_PROXY";

/// The data directory.
pub(crate) const PROOFHOUSE_DATA_DIR: &str = "PROOFHOUSE_DATA_DIR";
/// The file of the key that signs records.
pub(crate) const PROOFHOUSE_LEDGER_KEY: &str = "PROOFHOUSE_LEDGER_KEY";
/// The policy file of the witnesses that cosign records.
pub(crate) const PROOFHOUSE_WITNESS_POLICY: &str = "PROOFHOUSE_WITNESS_POLICY";
/// Where programs keep a person's data (XDG Base Directory Specification).
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The person's home directory.
pub(crate) const HOME: &str = "HOME";

/// Stands in [`ALL`] for the name of any service.
pub(crate) const SERVICE: &str = "SERVICE";

/// All of them, with what they do; `doctor` prints this.
pub(crate) const ALL: [(&str, &str); 17] = [
    (NO_COLOR, "any value: no colours"),
    ("OPENAI_API_KEY", "key of `openai/NAME`"),
    ("OPENAI_BASE_URL", "address of `openai/NAME`, ends in /v1"),
    ("ANTHROPIC_API_KEY", "key of `anthropic/NAME`"),
    ("ANTHROPIC_BASE_URL", "address of `anthropic/NAME`, without /v1"),
    ("GOOGLE_API_KEY", "key of `google/NAME`"),
    ("GEMINI_API_KEY", "key of `google/NAME`, where GOOGLE_API_KEY is not set"),
    ("GOOGLE_BASE_URL", "address of `google/NAME`, ends in /v1beta"),
    ("SERVICE_API_KEY", "key of `openai-api/SERVICE/NAME`: SERVICE in capitals, `-` as `_`"),
    ("SERVICE_BASE_URL", "address of `openai-api/SERVICE/NAME`"),
    ("PROOFHOUSE_OPENAI_API", "`chat` or `responses`: which API OpenAI's targets speak [default: chat]"),
    (PROOFHOUSE_PROXY, "URL of a proxy for calls to endpoints; no other proxy variable is read"),
    (PROOFHOUSE_DATA_DIR, "the data directory, which holds the response cache and the local key"),
    (PROOFHOUSE_LEDGER_KEY, "file of the key that signs records, where `--ledger-key` is not given"),
    (
        PROOFHOUSE_WITNESS_POLICY,
        "policy file of the witnesses that cosign records, where `--witness-policy` is not given",
    ),
    (XDG_DATA_HOME, "where PROOFHOUSE_DATA_DIR is not set, the data directory is `proofhouse` in this one"),
    (HOME, "where neither is set, the data directory is `.local/share/proofhouse` in this one"),
];

/// A variable's value; none where it is not set, empty or not text.
pub(crate) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
