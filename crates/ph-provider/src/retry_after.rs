//! How long a reply asks to wait, by its headers.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use ph_base::Timestamp;

/// A longer wish counts as this.
const WAIT_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds to wait. Read in this order: `retry-after-ms`, `retry-after` (seconds or a date), the reset of an
/// exhausted `x-ratelimit` window (OpenAI's durations), `x-ratelimit-reset` (seconds, or an instant). A date is
/// compared with the reply's own `date`, so that clocks that differ do no harm, or else with `now`.
pub(crate) fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let now_ms = text("date").and_then(date_ms).unwrap_or(now.0);
    let wait = text("retry-after-ms")
        .and_then(|ms| whole_ms(ms, 1.0))
        .or_else(|| text("retry-after").and_then(|wait| retry_after(wait, now_ms)))
        .or_else(|| exhausted_window_ms(&text))
        .or_else(|| text("x-ratelimit-reset").and_then(|reset| rate_limit_reset(reset, now_ms)))?;
    Some(wait.min(WAIT_MS_MAX))
}

fn whole_ms(number: &str, ms_per_unit: f64) -> Option<u64> {
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    Some((number * ms_per_unit).ceil() as u64)
}

fn date_ms(text: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

fn retry_after(wait: &str, now_ms: i64) -> Option<u64> {
    whole_ms(wait, 1000.0).or_else(|| Some(Timestamp(date_ms(wait)?).ms_since(Timestamp(now_ms))))
}

fn exhausted_window_ms<'a>(text: &dyn Fn(&str) -> Option<&'a str>) -> Option<u64> {
    ["requests", "tokens"]
        .into_iter()
        .filter(|window| text(&format!("x-ratelimit-remaining-{window}")) == Some("0"))
        .filter_map(|window| duration_ms(text(&format!("x-ratelimit-reset-{window}"))?))
        .max()
}

/// A duration as Go writes it: `1s`, `6m0s`, `120ms`, `1h2m3.5s`.
fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let ms_per_unit = match unit {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return None,
        };
        total = total.saturating_add(whole_ms(number, ms_per_unit)?);
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// Seconds from now, or an instant in seconds or milliseconds, told apart by their size.
fn rate_limit_reset(reset: &str, now_ms: i64) -> Option<u64> {
    let number = reset.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    let instant_ms = match number {
        small if small < 1e8 => return whole_ms(reset, 1000.0),
        seconds if seconds < 1e11 => seconds * 1000.0,
        ms => ms,
    };
    Some(Timestamp(instant_ms as i64).ms_since(Timestamp(now_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 22 Nov 2026 07:43:31 GMT.
    const NOW: Timestamp = Timestamp(1_795_333_411_000);

    fn check(headers: &[(&'static str, &str)], want: Option<u64>) {
        let map: HeaderMap =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        assert_eq!(retry_after_ms(&map, NOW), want, "{headers:?}");
    }

    #[test]
    fn seconds_milliseconds_dates_and_windows() {
        check(&[], None);
        check(&[("retry-after", "7")], Some(7_000));
        check(&[("retry-after", " 0.25 ")], Some(250));
        check(&[("retry-after", "0")], Some(0));
        check(&[("retry-after", "Sun, 22 Nov 2026 07:43:41 GMT")], Some(10_000));
        check(&[("retry-after", "Sun, 22 Nov 2026 07:40:00 GMT")], Some(0));
        check(&[("retry-after-ms", "15"), ("retry-after", "7")], Some(15));
        check(
            &[("retry-after", "Sun, 22 Nov 2026 09:00:05 GMT"), ("date", "Sun, 22 Nov 2026 09:00:00 GMT")],
            Some(5_000),
        );
        check(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0.5s")], Some(360_500));
        check(&[("x-ratelimit-remaining-tokens", "9"), ("x-ratelimit-reset-tokens", "1s")], None);
        check(&[("x-ratelimit-reset", "3")], Some(3_000));
        check(&[("x-ratelimit-reset", "1795333420")], Some(9_000));
        check(&[("x-ratelimit-reset", "1795333412500")], Some(1_500));
    }

    #[test]
    fn nonsense_is_no_wish_and_ages_are_cut() {
        for wrong in ["soon", "-1", "NaN", "inf", "", "1e400"] {
            check(&[("retry-after", wrong)], None);
        }
        check(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "1 fortnight")], None);
        check(&[("retry-after", "1e18")], Some(WAIT_MS_MAX));
    }
}
