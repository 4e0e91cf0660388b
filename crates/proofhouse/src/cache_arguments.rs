//! `--cache` and `--cache-size`: whether replies are kept and served again, and in how much room.

use std::sync::Arc;

use clap::Args;
use ph_assess::{CachedTargets, House};
use ph_eval::{CacheError, CacheMode, ResponseCache};
use serde_json::{Value, json};

use crate::clock::SystemClock;
use crate::data_dir::response_cache;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::say;

/// The room of a cache of which nobody said how large it may be.
pub(crate) const SIZE_DEFAULT: u64 = 2_000_000_000;

/// Whether replies are kept and served again.
#[derive(Args)]
pub(crate) struct CacheArguments {
    /// Use the response cache in the data directory: `read` serves replies that were given earlier to the same request of
    /// the same target at the same epoch, `write` keeps replies, `rw` does both
    #[arg(long, value_name = "off|read|write|rw", default_value = "off")]
    cache: CacheMode,
    /// The most room that the cache may take, for instance `500MB`; beyond it what was not used for longest goes
    /// [default: 2GB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_size: Option<u64>,
}

/// The cache of one command.
pub(crate) struct OpenCache(Option<(Arc<ResponseCache>, CacheMode)>);

impl CacheArguments {
    /// The flag again, for the command line that repeats the work.
    pub(crate) fn repeat(&self) -> Option<String> {
        let mode = match self.cache {
            CacheMode::Off => return None,
            CacheMode::Read => "read",
            CacheMode::Write => "write",
            CacheMode::ReadWrite => "rw",
        };
        Some(format!("--cache {mode}"))
    }

    /// Opens the cache, and has `house` reach its targets through it.
    pub(crate) fn open(&self, house: &mut House) -> Result<OpenCache, Failure> {
        if self.cache == CacheMode::Off {
            return Ok(OpenCache(None));
        }
        let bytes_max = self.cache_size.unwrap_or(SIZE_DEFAULT);
        let cache = Arc::new(open(bytes_max)?);
        house.targets = Arc::new(CachedTargets {
            inner: house.targets.clone(),
            cache: cache.clone(),
            mode: self.cache,
            clock: house.clock.clone(),
        });
        Ok(OpenCache(Some((cache, self.cache))))
    }
}

/// The response cache of the data directory.
pub(crate) fn open(bytes_max: u64) -> Result<ResponseCache, Failure> {
    ResponseCache::open(&response_cache()?, bytes_max, Arc::new(SystemClock)).map_err(failure)
}

impl OpenCache {
    /// Says what the cache did, and what somebody should know.
    pub(crate) fn tell(&self) {
        let Some((cache, _)) = &self.0 else { return };
        let counts = cache.counts();
        let extra = [(counts.damaged, "damaged"), (counts.evicted, "evicted"), (counts.failed, "not kept")];
        let extra: String =
            extra.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")).collect();
        say(&format!("cache: {} hits, {} misses, {} stored{extra}", counts.hits, counts.misses, counts.stored));
        cache.notes().iter().for_each(|note| say(&format!("note: {note}")));
    }

    /// What `--json` says of it; null where it is off.
    pub(crate) fn document(&self) -> Value {
        let Some((cache, mode)) = &self.0 else { return Value::Null };
        let mut document = json!(cache.counts());
        document["mode"] = json!(mode);
        document
    }
}

/// How a cache that cannot be used ends the program.
pub(crate) fn failure(error: CacheError) -> Failure {
    Failure::from_error(Exit::Resource, "cache::directory", error)
        .with_hint("set `PROOFHOUSE_DATA_DIR` to a directory that can be written, or leave `--cache` out")
}

/// A size in bytes: a whole number with `B`, `kB`, `MB`, `GB`, `TB` (powers of 1,000) or `KiB`, `MiB`, `GiB`, `TiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
    ];
    let wrong = || "must be a size such as `500MB`, `2GB` or `1GiB`".to_owned();
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(name, factor)| Some((lower.strip_suffix(name)?, *factor)));
    let (number, factor) = unit.unwrap_or((lower.as_str(), 1));
    let number: u64 = number.trim_end().parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("1", 1),
            ("12 B", 12),
            ("5kB", 5_000),
            ("500MB", 500_000_000),
            ("2gib", 2 << 30),
            ("1TB", 1_000_000_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "0", "MB", "-1MB", "1.5GB", "1XB", "99999999999TB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
