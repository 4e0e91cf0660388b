//! Names of entries. An item's id is foreign text: it must not lead out of a folder when a log is unpacked.

use ph_base::Digest;

/// The folder of the samples.
pub const SAMPLES: &str = "samples/";
/// The log's header; its presence means that the log is finished.
pub const HEADER: &str = "header.json";
/// What was known when the log was begun.
pub const START: &str = "_journal/start.json";
/// The summaries of all samples.
pub const SUMMARIES: &str = "summaries.json";
/// The scores of items over their epochs.
pub const REDUCTIONS: &str = "reductions.json";
/// The folder of the summaries as they were flushed.
pub const JOURNAL_SUMMARIES: &str = "_journal/summaries/";
/// The folder of settings changed while the run went on.
pub const CONFIG_UPDATES: &str = "_journal/config_updates/";

const ID_BYTES_MAX: usize = 400;
const KEPT_CHARS_MAX: usize = 80;

/// The id under which a log holds an item: its own where that is safe in a path (`/` between plain parts is), otherwise
/// what can be kept of it with 16 hex digits of its digest. Inspect derives the entry's name from this id.
#[must_use]
pub fn log_id(id: &str) -> String {
    if is_safe(id) {
        return id.to_owned();
    }
    let kept: String = id.chars().take(KEPT_CHARS_MAX).map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("{kept}-{}", &Digest::of(id.as_bytes()).hex()[..16])
}

/// The entry of an item at an epoch.
#[must_use]
pub fn entry_name(id: &str, epoch: u32) -> String {
    format!("{SAMPLES}{}_epoch_{epoch}.json", log_id(id))
}

/// Id and epoch of a sample's entry (whole samples only).
#[must_use]
pub fn sample_of(name: &str) -> Option<(&str, u32)> {
    id_and_epoch(name.strip_prefix(SAMPLES)?.strip_suffix(".json")?)
}

/// Id and epoch of a sample in pieces, by the name of its shell entry.
#[must_use]
pub fn shell_of(name: &str) -> Option<(&str, u32)> {
    id_and_epoch(name.strip_prefix(SAMPLES)?.strip_suffix("/sample.json")?)
}

fn id_and_epoch(stem: &str) -> Option<(&str, u32)> {
    let (id, epoch) = stem.rsplit_once("_epoch_")?;
    Some((id, epoch.parse().ok()?))
}

fn is_safe(id: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    id.len() <= ID_BYTES_MAX && id.split('/').all(is_part) && !id.chars().any(|c| c.is_control() || c == '\\')
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_ids_are_kept() {
        for id in ["1", "a b", "django/django-123", "caf\u{e9} \u{6f22}", "x_epoch_2", "a:b"] {
            assert_eq!(log_id(id), id);
            let name = entry_name(id, 7);
            assert_eq!(sample_of(&name), Some((id, 7)), "{name}");
        }
    }

    #[test]
    fn ids_that_lead_elsewhere_do_not() {
        let long = "x".repeat(70_000);
        for id in ["", "..", "../../etc/passwd", "/etc/passwd", "a//b", "a\\..\\b", "a\nb", "a\u{0}", "./a", &long] {
            let name = entry_name(id, 1);
            assert!(name.len() < 500 && !name.contains("..") && !name.contains('\\'), "{name}");
            assert!(!name.chars().any(char::is_control) && !name.contains("//"), "{name}");
            assert!(sample_of(&name).is_some());
        }
        assert_ne!(log_id("a\nb"), log_id("a\tb"));
    }
}
