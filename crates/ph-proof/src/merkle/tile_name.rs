//! What the names of tiles and of entry bundles share: `<N>[.p/<W>]` of C2SP `tlog-tiles`, and decimal numbers.

use std::fmt;

use super::tile::TILE_WIDTH;

/// Digits in each element of an index.
const ELEMENT_DIGITS: usize = 3;
/// 1,000^6 is the last power that fits 64 bits.
const ELEMENTS_MAX: u32 = 7;
const PARTIAL: &str = ".p/";

/// Writes the index in elements of three digits, all but the last behind an `x`, and the width if it is not that of a full tile.
pub(super) fn write(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    for power in (1..ELEMENTS_MAX).rev() {
        let above = index / 1_000_u64.pow(power);
        if above > 0 {
            write!(f, "x{:03}/", above % 1_000)?;
        }
    }
    write!(f, "{:03}", index % 1_000)?;
    if width < TILE_WIDTH {
        write!(f, "{PARTIAL}{width}")?;
    }
    Ok(())
}

/// Index and width, if this is exactly how [`write`] would write them.
pub(super) fn parse(text: &str) -> Option<(u64, u16)> {
    let Some((index, width)) = text.split_once(PARTIAL) else {
        return Some((parse_index(text)?, TILE_WIDTH));
    };
    let width = decimal(width, u64::from(TILE_WIDTH) - 1).filter(|width| *width > 0)?;
    Some((parse_index(index)?, u16::try_from(width).ok()?))
}

/// A decimal number of at most `max`, without sign and superfluous zeros.
pub(super) fn decimal(text: &str, max: u64) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with('0');
    if !is_canonical || !is_digits(text) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= max)
}

fn parse_index(text: &str) -> Option<u64> {
    // An element in front that adds nothing would be a second name of the same tile.
    if text.starts_with("x000") {
        return None;
    }
    let (above, last) = match text.rsplit_once('/') {
        Some((above, last)) => (Some(above), last),
        None => (None, text),
    };
    let above = above.into_iter().flat_map(|above| above.split('/')).map(|element| element.strip_prefix('x'));
    above.chain([Some(last)]).try_fold(0_u64, |index, element| {
        let element = element.filter(|digits| digits.len() == ELEMENT_DIGITS && is_digits(digits))?;
        index.checked_mul(1_000)?.checked_add(element.parse().ok()?)
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
