//! Charts as coordinates for inline SVG: dot and whisker per target, and paired differences as a forest plot. The table
//! beneath a chart has the same numbers; a chart never says more.

use ph_analysis::Limits;

/// Width of a chart in SVG units.
const WIDTH: f64 = 760.0;
/// Where the scale begins and ends; labels stand left of it, values right.
const LEFT: f64 = 236.0;
const RIGHT: f64 = 670.0;
const TOP: f64 = 10.0;
const ROW: f64 = 24.0;
const AXIS: f64 = 26.0;
/// Characters of a label that fit.
const LABEL_CHARS_MAX: usize = 36;

/// The scale of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Rates, 0 to 100 %.
    Rate,
    /// Differences, −100 to +100 points.
    Difference,
}

/// One row as it is handed in.
pub(crate) struct Entry {
    /// What it is of; the page's own spelling, already made visible.
    pub(crate) label: String,
    /// The estimate and its limits; none where there is no number.
    pub(crate) value: Option<(f64, Limits)>,
    /// The estimate in words.
    pub(crate) text: String,
    /// How it is drawn.
    pub(crate) mark: Mark,
}

/// How a row is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A heading over the rows that follow.
    Heading,
    /// An assessed target: a filled dot.
    Plain,
    /// The comparator: a hollow dot.
    Comparator,
    /// A finding: a filled diamond.
    Found,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) left: String,
    pub(crate) right: String,
    pub(crate) top: String,
    pub(crate) bottom: String,
    pub(crate) band_height: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) band: Option<Band>,
    pub(crate) rows: Vec<Row>,
}

/// A mark on the scale.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) label: &'static str,
    pub(crate) zero: bool,
}

/// The band of the margin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Band {
    pub(crate) x: String,
    pub(crate) width: String,
}

/// One row as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) label_x: String,
    pub(crate) text: String,
    pub(crate) y: String,
    pub(crate) text_y: String,
    pub(crate) heading: bool,
    pub(crate) class: &'static str,
    pub(crate) whisker: Option<Whisker>,
}

/// An interval with its estimate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whisker {
    pub(crate) low: String,
    pub(crate) high: String,
    pub(crate) cap_top: String,
    pub(crate) cap_bottom: String,
    pub(crate) dot: String,
    pub(crate) diamond: Option<String>,
}

/// A chart of these rows; none where no row has a place on the scale. `band` is shaded, in the scale's own numbers.
pub(crate) fn chart(
    (id, title): (String, String),
    scale: Scale,
    band: Option<(f64, f64)>,
    entries: &[Entry],
) -> Option<Chart> {
    let on_scale = |entry: &Entry| entry.value.is_some_and(|(value, _)| scale.holds(value));
    if !entries.iter().any(on_scale) {
        return None;
    }
    let bottom = TOP + ROW * entries.len() as f64;
    let said = entries.iter().filter(|entry| on_scale(entry)).map(|entry| format!("{}: {}", entry.label, entry.text));
    Some(Chart {
        description: said.collect::<Vec<_>>().join("; "),
        id,
        title,
        width: text(WIDTH),
        height: text(bottom + AXIS),
        left: text(LEFT),
        right: text(RIGHT),
        top: text(TOP),
        bottom: text(bottom),
        band_height: text(bottom - TOP),
        ticks: scale.ticks(bottom),
        band: band.map(|(low, high)| {
            let (low, high) = (scale.place(low), scale.place(high));
            Band { x: text(low), width: text((high - low).max(0.0)) }
        }),
        rows: entries.iter().enumerate().map(|(index, entry)| row(scale, index, entry)).collect(),
    })
}

fn row(scale: Scale, index: usize, entry: &Entry) -> Row {
    let y = TOP + ROW * (index as f64 + 0.5);
    let heading = entry.mark == Mark::Heading;
    let whisker = entry.value.filter(|(value, _)| scale.holds(*value)).map(|(value, limits)| {
        let dot = scale.place(value);
        Whisker {
            low: text(scale.place(limits.low)),
            high: text(scale.place(limits.high)),
            cap_top: text(y - 4.0),
            cap_bottom: text(y + 4.0),
            dot: text(dot),
            diamond: (entry.mark == Mark::Found).then(|| diamond(dot, y)),
        }
    });
    Row {
        label: short(&entry.label, if heading { LABEL_CHARS_MAX * 2 } else { LABEL_CHARS_MAX }),
        label_x: if heading { text(0.0) } else { text(12.0) },
        text: entry.text.clone(),
        y: text(y),
        text_y: text(y + 4.5),
        heading,
        class: match entry.mark {
            Mark::Heading | Mark::Plain => "plain",
            Mark::Comparator => "comparator",
            Mark::Found => "found",
        },
        whisker,
    }
}

fn diamond(x: f64, y: f64) -> String {
    format!(
        "{},{} {},{} {},{} {},{}",
        text(x - 6.0),
        text(y),
        text(x),
        text(y - 6.0),
        text(x + 6.0),
        text(y),
        text(x),
        text(y + 6.0)
    )
}

/// A label cut to what fits.
fn short(label: &str, chars_max: usize) -> String {
    if label.chars().count() <= chars_max {
        return label.to_owned();
    }
    let kept: String = label.chars().take(chars_max - 1).collect();
    format!("{kept}…")
}

fn text(at: f64) -> String {
    format!("{at:.1}")
}

impl Scale {
    fn range(self) -> (f64, f64) {
        match self {
            Scale::Rate => (0.0, 1.0),
            Scale::Difference => (-1.0, 1.0),
        }
    }

    /// Means on another scale have no place.
    fn holds(self, value: f64) -> bool {
        let (from, to) = self.range();
        (from..=to).contains(&value)
    }

    fn place(self, at: f64) -> f64 {
        let (from, to) = self.range();
        LEFT + (at.clamp(from, to) - from) / (to - from) * (RIGHT - LEFT)
    }

    fn ticks(self, bottom: f64) -> Vec<Tick> {
        let (values, labels): ([f64; 5], [&'static str; 5]) = match self {
            Scale::Rate => ([0.0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "100 %"]),
            Scale::Difference => ([-1.0, -0.5, 0.0, 0.5, 1.0], ["\u{2212}100", "\u{2212}50", "0", "+50", "+100"]),
        };
        let tick = |(value, label): (f64, &'static str)| Tick {
            x: text(self.place(value)),
            y: text(bottom + 17.0),
            label,
            zero: value == 0.0 && self == Scale::Difference,
        };
        values.into_iter().zip(labels).map(tick).collect()
    }
}

#[cfg(test)]
mod tests {
    use ph_analysis::IntervalMethod;

    use super::*;

    fn entry(value: f64, (low, high): (f64, f64), mark: Mark) -> Entry {
        let limits = Limits { low, high, level: 0.95, method: IntervalMethod::PairedScore };
        Entry { label: "x".repeat(50), value: Some((value, limits)), text: "words".to_owned(), mark }
    }

    #[test]
    fn places_are_linear_and_stay_inside() {
        let rows = [entry(0.0, (-1.0, 3.0), Mark::Plain), entry(0.5, (0.4, 0.6), Mark::Found)];
        let chart = chart(("c".to_owned(), "t".to_owned()), Scale::Difference, Some((-0.1, 0.1)), &rows).unwrap();
        let whisker = chart.rows[0].whisker.clone().unwrap();
        assert_eq!((whisker.low.as_str(), whisker.dot.as_str(), whisker.high.as_str()), ("236.0", "453.0", "670.0"));
        assert_eq!(chart.band, Some(Band { x: "431.3".to_owned(), width: "43.4".to_owned() }));
        assert!(chart.rows[1].whisker.clone().unwrap().diamond.is_some());
        assert_eq!(chart.rows[0].label.chars().count(), LABEL_CHARS_MAX);
    }

    #[test]
    fn what_is_on_no_scale_is_not_drawn() {
        let rows = [entry(7.0, (6.0, 8.0), Mark::Plain)];
        assert_eq!(chart(("c".to_owned(), "t".to_owned()), Scale::Rate, None, &rows), None);
        let rows = [entry(7.0, (6.0, 8.0), Mark::Plain), entry(0.5, (0.0, 1.0), Mark::Plain)];
        let chart = chart(("c".to_owned(), "t".to_owned()), Scale::Rate, None, &rows).unwrap();
        assert!(chart.rows[0].whisker.is_none() && chart.rows[1].whisker.is_some());
    }
}
