//! Which figures a report has, and the data of each.

use ::plot::depth;
use pipeline::Verdict;
use pipeline::artifact::{LayerErrorRow, TelemetryRow};

use crate::analyse::Analysis;
use crate::builds::{self, Saved, Times};
use crate::load::Case;
use crate::metric::{Metric, Quantity, Statistic};
use crate::plot::build_times;
use crate::plot::comparison::{self, Point, Row};
use crate::plot::percentiles::{self, Curve};
use crate::plot::strip::Strip;
use crate::plot::timeline::{self, RoundLine};
use crate::plot::{Figure, histogram};
use crate::summarize::CaseSummary;

/// Cases that have samples, with their place for the colour.
pub(super) fn drawn(analysis: &Analysis) -> impl Iterator<Item = (usize, &Case, &CaseSummary)> {
    let pairs = analysis.run.cases.iter().zip(&analysis.summaries).enumerate();
    pairs
        .map(|(place, (case, summary))| (place, case, summary))
        .filter(|(_, case, _)| case.samples().next().is_some())
}

/// Says which modes are not drawn; `None` when all are.
pub fn skipped(analysis: &Analysis) -> Option<String> {
    let names: Vec<String> = analysis
        .verdicts
        .iter()
        .filter(|judged| judged.verdict == Verdict::Skipped)
        .map(|judged| {
            let reason = judged.reasons.first().map_or("", String::as_str);
            format!("`{}` was skipped and is not drawn: {reason}.", judged.case)
        })
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// The name under which a case is drawn: with its verdict unless that is VALID.
pub(super) fn label(analysis: &Analysis, place: usize) -> String {
    let judged = &analysis.verdicts[place];
    match judged.verdict {
        Verdict::Valid => judged.case.clone(),
        verdict => format!("{} ({verdict})", judged.case),
    }
}

/// Which cases that are drawn are not VALID, for a caption, and of a single one why; empty when all are.
pub(super) fn doubts<'a>(
    analysis: &'a Analysis,
    places: impl Iterator<Item = usize> + 'a,
) -> String {
    let judged = places.map(|place| &analysis.verdicts[place]);
    let doubtful: Vec<_> = judged.filter(|judged| judged.verdict != Verdict::Valid).collect();
    match doubtful.as_slice() {
        [] => String::new(),
        [judged] => {
            let why = judged.reasons.first().map_or("", String::as_str);
            format!(" `{}` is {}: {why}.", judged.case, judged.verdict)
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|judged| format!("`{}` is {}", judged.case, judged.verdict))
                .collect();
            format!(" {}; the reasons stand under the verdicts.", names.join(", "))
        }
    }
}

/// A figure with the doubts about what it shows in its caption.
pub(super) fn with_doubts(figure: Figure, doubts: &str) -> Figure {
    let caption = format!("{}{doubts}", figure.caption).trim_start().to_owned();
    Figure { caption, ..figure }
}

fn point(summary: &CaseSummary, metric: Metric) -> Option<Point> {
    let row = summary.row(metric)?;
    Some(Point { estimate: row.estimate?, lower: row.lower, upper: row.upper })
}

/// Throughput and response side by side.
pub fn comparison(analysis: &Analysis) -> Option<Figure> {
    let time = |share| Metric::Time(Quantity::Response, Statistic::Percentile(share));
    let tail = analysis.tail();
    let rows: Vec<Row> = drawn(analysis)
        .filter_map(|(place, _, summary)| {
            Some(Row {
                case: label(analysis, place),
                place,
                throughput: point(summary, Metric::Throughput)?,
                middle: point(summary, time(analysis.middle()))?,
                tail: point(summary, time(tail))?,
            })
        })
        .collect();
    let figure = comparison::figure(&rows, &analysis.middle().to_string(), &tail.to_string());
    let places = rows.iter().map(|row| row.place);
    figure.map(|figure| with_doubts(figure, &doubts(analysis, places)))
}

/// Build times of every engine that was built cold and warm.
pub fn builds(analysis: &Analysis) -> Option<Figure> {
    let confidence = analysis.config.confidence.0;
    let time = |times: &Times| {
        let (estimate, interval) = times.mean(confidence)?;
        Some(Point { estimate, lower: interval.lower, upper: interval.upper })
    };
    let row = |saved: &Saved<'_>| {
        let from_store = saved.warm.from_store;
        Some(build_times::Row {
            name: format!("{} {}", saved.row.backend, saved.row.precision_requested),
            cold: time(&saved.cold)?,
            warm: time(&saved.warm)?,
            warm_is: if from_store { "engine store" } else { "warm" }.to_owned(),
        })
    };
    let saved = builds::saved(&analysis.run.engines, confidence);
    let rows: Vec<build_times::Row> = saved.iter().filter_map(row).collect();
    build_times::figure(&rows)
}

/// One histogram a mode.
pub fn histograms(analysis: &Analysis) -> Vec<Figure> {
    drawn(analysis)
        .filter_map(|(place, case, summary)| {
            let series = summary.series(Quantity::Compute)?;
            let label = label(analysis, place);
            let figure = histogram::figure(&histogram::Data {
                case: &label,
                place,
                quantity: Quantity::Compute.name(),
                sorted: &series.sorted,
                quantum_ns: case.setup().map_or(1, |row| row.clock_quantum_ns),
                streams: case.streams(),
            })?;
            let figure = with_doubts(figure, &doubts(analysis, std::iter::once(place)));
            Some(Figure { file: format!("histogram-{}", case.name), ..figure })
        })
        .collect()
}

/// One timeline a mode.
pub fn timelines(analysis: &Analysis) -> Vec<Figure> {
    let telemetry = analysis.run.telemetry.as_deref().unwrap_or_default();
    drawn(analysis)
        .filter_map(|(place, case, summary)| {
            let series = summary.series(Quantity::Compute)?;
            let stamped = |samples: &[pipeline::samples::Sample]| {
                samples.iter().map(|sample| (sample.done_ns, sample.compute_ns)).collect()
            };
            let rounds: Vec<RoundLine> = case
                .rounds
                .iter()
                .filter(|round| !round.steady.is_empty())
                .map(|round| RoundLine {
                    index: round.index,
                    warm_up: stamped(&round.warm_up),
                    steady: stamped(&round.steady),
                })
                .collect();
            let strips = strips(telemetry, &rounds);
            let label = label(analysis, place);
            let figure = timeline::figure(&timeline::Data {
                case: &label,
                place,
                quantity: Quantity::Compute.name(),
                streams: case.streams(),
                rounds,
                sorted: &series.sorted,
                strips,
            })?;
            let figure = with_doubts(figure, &doubts(analysis, std::iter::once(place)));
            Some(Figure { file: format!("timeline-{}", case.name), ..figure })
        })
        .collect()
}

/// A sensor that may be drawn below the samples.
struct Sensor {
    name: &'static str,
    read: fn(&TelemetryRow) -> Option<f64>,
    least_span: f64,
    from_zero: bool,
}

/// Most strips below one timeline.
const MOST_STRIPS: usize = 4;

/// The sensors, the most telling first.
const SENSORS: [Sensor; 8] = [
    Sensor {
        name: "GPU clock (MHz)",
        read: |row| row.sm_clock_mhz.map(|mhz| mhz as f64),
        least_span: 100.0,
        from_zero: false,
    },
    Sensor {
        name: "GPU power (W)",
        read: |row| row.power_mw.map(|mw| mw as f64 / 1e3),
        least_span: 5.0,
        from_zero: true,
    },
    Sensor {
        name: "GPU temperature (°C)",
        read: |row| row.temperature_mc.map(|mc| mc as f64 / 1e3),
        least_span: 4.0,
        from_zero: false,
    },
    Sensor {
        name: "CPU clock, mean of all cores (GHz)",
        read: |row| row.cpu_clock_khz.map(|khz| khz as f64 / 1e6),
        least_span: 0.4,
        from_zero: false,
    },
    Sensor {
        name: "busy cores of the host (%)",
        read: |row| row.cpu_utilisation.map(|share| share * 100.0),
        least_span: 100.0,
        from_zero: true,
    },
    Sensor {
        name: "processor time taken by the hypervisor (%)",
        read: |row| row.cpu_steal.map(|share| share * 100.0),
        least_span: 10.0,
        from_zero: true,
    },
    Sensor {
        name: "CPU temperature (°C)",
        read: |row| row.cpu_temperature_mc.map(|mc| mc as f64 / 1e3),
        least_span: 4.0,
        from_zero: false,
    },
    Sensor {
        name: "load average over a minute",
        read: |row| row.load_1m,
        least_span: 1.0,
        from_zero: true,
    },
];

fn strips(telemetry: &[TelemetryRow], rounds: &[RoundLine]) -> Vec<Strip> {
    let spans: Vec<(i64, i64)> = rounds.iter().map(RoundLine::span).collect();
    let inside = |at: i64| spans.iter().any(|&(start, end)| (start..=end).contains(&at));
    SENSORS
        .iter()
        .filter_map(|sensor| {
            let readings: Vec<(i64, f64)> = telemetry
                .iter()
                .filter(|row| inside(row.at_ns))
                .filter_map(|row| Some((row.at_ns, (sensor.read)(row)?)))
                .collect();
            (!readings.is_empty()).then(|| Strip {
                name: sensor.name.to_owned(),
                readings,
                least_span: sensor.least_span,
                from_zero: sensor.from_zero,
            })
        })
        .take(MOST_STRIPS)
        .collect()
}

/// Percentiles of the response of all modes.
pub fn percentiles(analysis: &Analysis) -> Option<Figure> {
    let labels: Vec<String> =
        (0..analysis.verdicts.len()).map(|place| label(analysis, place)).collect();
    let curves: Vec<Curve<'_>> = drawn(analysis)
        .filter_map(|(place, _, summary)| {
            let series = summary.series(Quantity::Response)?;
            let points = analysis.config.percentiles.0.iter().filter_map(|&share| {
                let metric = Metric::Time(Quantity::Response, Statistic::Percentile(share));
                Some((share, point(summary, metric)?))
            });
            Some(Curve {
                case: &labels[place],
                place,
                sorted: &series.sorted,
                points: points.collect(),
            })
        })
        .collect();
    let figure = percentiles::figure(&curves, Quantity::Response.name())?;
    let places = curves.iter().map(|curve| curve.place);
    Some(with_doubts(figure, &doubts(analysis, places)))
}

/// Error by depth of every model that was compared layer by layer.
pub fn depth(analysis: &Analysis) -> Vec<Figure> {
    let rows = &analysis.run.layer_errors;
    let groups = rows.chunk_by(|a, b| {
        (&a.model_digest, &a.engine, &a.reference) == (&b.model_digest, &b.engine, &b.reference)
    });
    groups
        .enumerate()
        .filter_map(|(place, rows)| {
            let layers: Vec<depth::Layer> = rows.iter().map(layer).collect();
            let first = rows.first()?;
            let number = if place == 0 { String::new() } else { format!("-{}", place + 1) };
            depth::figure(&depth::Data {
                file: format!("layer-errors{number}"),
                title: format!("Error by depth, {}", first.precision),
                what: format!("{} against {}", first.engine, first.reference),
                layers: &layers,
            })
        })
        .collect()
}

fn layer(row: &LayerErrorRow) -> depth::Layer {
    depth::Layer {
        place: u32::try_from(row.layer).unwrap_or(u32::MAX),
        name: row.name.clone(),
        op_type: row.op_type.clone(),
        error: row.error,
        tolerance: row.tolerance,
        finite: row.nan_count + row.inf_count == 0,
        departs: row.departs,
    }
}
