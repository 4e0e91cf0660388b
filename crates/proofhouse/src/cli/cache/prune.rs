//! `proofhouse cache prune`: takes replies out of the response cache.

use clap::Args;
use ph_eval::{Prune, cache::Pruned};

use crate::cache_arguments::{SIZE_DEFAULT, failure, open, size};
use crate::data_dir::response_cache;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Damaged entries always go.

Examples:
  proofhouse cache prune --older-than 7d
  proofhouse cache prune --size 500MB
  proofhouse cache prune --all";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Replies that were given longer ago than this: a whole number with `s`, `m`, `h`, `d` or `w`
    #[arg(long, value_name = "AGE", value_parser = age_ms)]
    older_than: Option<u64>,
    /// Those not used for longest, until no more than this is left, for instance `500MB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    size: Option<u64>,
    /// All
    #[arg(long, conflicts_with_all = ["older_than", "size"])]
    all: bool,
    /// Print `{removed, removed_bytes, left, left_bytes}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let what = Prune { older_than_ms: arguments.older_than, bytes_max: arguments.size, all: arguments.all };
    if what == Prune::default() {
        return Err(Failure::new(Exit::Usage, "cache::prune_what", "it is not said what is to be taken away")
            .with_hint("give `--older-than AGE`, `--size SIZE` or `--all`"));
    }
    let pruned =
        if response_cache()?.exists() { open(SIZE_DEFAULT)?.prune(&what).map_err(failure)? } else { Pruned::default() };
    if arguments.json {
        output::json(&pruned)?;
    } else {
        let Pruned { removed, removed_bytes, left, left_bytes } = pruned;
        let text = format!("{removed} replies taken away ({removed_bytes} bytes), {left} left ({left_bytes} bytes)\n");
        output::data(&text)?;
    }
    Ok(Exit::Done)
}

/// An age in milliseconds.
fn age_ms(text: &str) -> Result<u64, String> {
    const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
    let wrong = || "must be an age such as `90m`, `12h`, `7d` or `2w`".to_owned();
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = unit.ok_or_else(wrong)?;
    let number: u64 = number.trim_end().parse().map_err(|_| wrong())?;
    number.checked_mul(seconds * 1_000).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::age_ms;

    #[test]
    fn ages_are_read() {
        assert_eq!((age_ms("90m"), age_ms("7d"), age_ms("0s")), (Ok(5_400_000), Ok(604_800_000), Ok(0)));
        for wrong in ["", "7", "d", "-1d", "1.5h", "1y", "99999999999999999w"] {
            assert!(age_ms(wrong).is_err(), "{wrong}");
        }
    }
}
