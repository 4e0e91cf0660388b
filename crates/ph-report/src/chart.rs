//! Small interval charts: where an interval lies on a fixed scale, as coordinates for inline SVG.

use ph_analysis::Limits;

const WIDTH: f64 = 200.0;
const PAD: f64 = 5.0;

/// An interval on a scale, in SVG units (0 to 200 across).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// Left end of the interval.
    pub(crate) low: String,
    /// Its length.
    pub(crate) length: String,
    /// Right end.
    pub(crate) high: String,
    /// The estimate.
    pub(crate) dot: String,
    /// Where 0 lies.
    pub(crate) zero: String,
    /// Where the margin lies, on a scale of differences.
    pub(crate) margin: Option<String>,
}

/// A difference between −1 and 1, with the margin on the side of the fault.
pub(crate) fn difference(value: Option<f64>, limits: Option<Limits>, margin: f64) -> Option<Chart> {
    chart(value?, limits?, (-1.0, 1.0), Some(margin))
}

/// A rate between 0 and 1.
pub(crate) fn rate(value: Option<f64>, limits: Option<Limits>) -> Option<Chart> {
    chart(value?, limits?, (0.0, 1.0), None)
}

fn chart(value: f64, limits: Limits, (from, to): (f64, f64), margin: Option<f64>) -> Option<Chart> {
    // Means on another scale have no chart.
    if value < from || value > to {
        return None;
    }
    let place = |at: f64| PAD + (at.clamp(from, to) - from) / (to - from) * (WIDTH - 2.0 * PAD);
    let text = |at: f64| format!("{at:.1}");
    Some(Chart {
        low: text(place(limits.low)),
        length: text((place(limits.high) - place(limits.low)).max(1.0)),
        high: text(place(limits.high)),
        dot: text(place(value)),
        zero: text(place(0.0)),
        margin: margin.map(|margin| text(place(margin))),
    })
}

#[cfg(test)]
mod tests {
    use ph_analysis::IntervalMethod;

    use super::*;

    #[test]
    fn places_are_linear_and_stay_inside() {
        let limits = Limits { low: -1.0, high: 3.0, level: 0.95, method: IntervalMethod::PairedScore };
        let chart = difference(Some(0.0), Some(limits), 0.1).unwrap();
        assert_eq!((chart.low.as_str(), chart.dot.as_str(), chart.high.as_str()), ("5.0", "100.0", "195.0"));
        assert_eq!(chart.margin.as_deref(), Some("109.5"));
        assert_eq!(rate(Some(7.0), Some(limits)), None);
        assert_eq!(rate(None, Some(limits)), None);
    }
}
