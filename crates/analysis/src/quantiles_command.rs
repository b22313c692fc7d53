//! `analysis quantiles DATASET --column C`: the command around [`crate::quantiles`].

use std::path::PathBuf;

use clap::Args;
use pipeline::fault::Exit;
use stats::{Confidence, Share};

use crate::quantiles::{Bounds, Group, Number, Query, quantiles};
use crate::report::model::{Cell, Table};
use crate::report::terminal;

/// Arguments of `analysis quantiles`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Parquet file, or folder that is searched for them (`results/runs`)
    pub dataset: PathBuf,
    /// Column of numbers
    #[arg(long)]
    pub column: String,
    /// Column whose values make groups; may be given several times. Folders `name=value` are columns too: run
    #[arg(long)]
    pub by: Vec<String>,
    /// Only rows with this value: phase=steady
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = filter)]
    pub filters: Vec<(String, String)>,
    /// Percentiles
    #[arg(long, value_delimiter = ',', default_value = "50,90,95,99,99.9", value_parser = share)]
    pub percentiles: Vec<Share>,
    /// Also intervals: effective n of each percentile from the order of the rows, then order statistics
    #[arg(long)]
    pub intervals: bool,
    /// Share of repetitions in which an interval shall hold the true value
    #[arg(long, default_value = "0.95", value_parser = confidence, requires = "intervals")]
    pub confidence: Confidence,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn filter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("expected COLUMN=VALUE, such as phase=steady")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

fn share(text: &str) -> Result<Share, String> {
    let percent = text.parse::<f64>().ok().and_then(Share::from_percent);
    percent.ok_or_else(|| {
        format!(
            "{text} is not a percentile: a number above 0 and below 100 with at most 4 decimals"
        )
    })
}

fn confidence(text: &str) -> Result<Confidence, String> {
    let confidence = text.parse().ok().and_then(Confidence::new);
    confidence.ok_or_else(|| format!("{text} is not a confidence: between 0.5 and 1"))
}

/// Prints exact quantiles.
///
/// # Errors
/// Exit 2 when there is no such file or column, or when it holds no numbers.
pub fn execute(args: &Arguments) -> anyhow::Result<Exit> {
    let query = Query {
        dataset: args.dataset.clone(),
        column: args.column.clone(),
        by: args.by.clone(),
        filters: args.filters.clone(),
    };
    let confidence = args.intervals.then_some(args.confidence);
    let groups = quantiles(&query, &args.percentiles, confidence)?;
    if args.json {
        let rows: Vec<serde_json::Value> = groups.iter().map(|group| json(args, group)).collect();
        anstream::println!("{}", serde_json::Value::from(rows));
    } else {
        anstream::print!("{}", terminal::table(&table(args, &groups)));
    }
    Ok(Exit::Ok)
}

fn json(args: &Arguments, group: &Group) -> serde_json::Value {
    let mut row = serde_json::Map::new();
    for (name, value) in args.by.iter().zip(&group.key) {
        row.insert(name.clone(), value.as_str().into());
    }
    row.insert("n".to_owned(), group.n.into());
    row.insert("nulls".to_owned(), group.nulls.into());
    row.insert("mean".to_owned(), group.mean.into());
    for (share, value) in args.percentiles.iter().zip(&group.values) {
        row.insert(share.to_string(), (*value).into());
    }
    if args.intervals {
        let pairs = args.percentiles.iter().zip(&group.bounds);
        let intervals = pairs.map(|(share, bounds)| {
            let interval = serde_json::json!({
                "lower": bounds.lower.map(serde_json::Value::from),
                "upper": bounds.upper.map(serde_json::Value::from),
                "n_effective": bounds.n_effective,
            });
            (share.to_string(), interval)
        });
        row.insert("confidence".to_owned(), args.confidence.get().into());
        row.insert("intervals".to_owned(), intervals.collect::<serde_json::Map<_, _>>().into());
    }
    row.into()
}

fn table(args: &Arguments, groups: &[Group]) -> Table {
    let mut titles: Vec<String> = args.by.clone();
    titles.extend(["n#", "nulls#", "mean#"].map(str::to_owned));
    titles.extend(args.percentiles.iter().map(|share| format!("{share}#")));
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new("", &titles);
    for group in groups {
        let mut row: Vec<Cell> = group.key.iter().map(Cell::plain).collect();
        row.extend([group.n, group.nulls].map(|n| Cell::plain(n.to_string())));
        row.push(group.mean.map_or_else(Cell::none, |mean| Cell::plain(format!("{mean:.1}"))));
        row.extend((0..args.percentiles.len()).map(|k| match group.values.get(k) {
            Some(value) => Cell::plain(with_bounds(*value, group.bounds.get(k))),
            None => Cell::none(),
        }));
        table.rows.push(row);
    }
    table
}

/// `2411040 [2410976, 2411104]`, or the value alone; a bound that cannot be had is a dash.
fn with_bounds(value: Number, bounds: Option<&Bounds>) -> String {
    let Some(bounds) = bounds else { return value.to_string() };
    let word = |bound: Option<Number>| bound.map_or_else(|| "–".to_owned(), |b| b.to_string());
    format!("{value} [{}, {}]", word(bounds.lower), word(bounds.upper))
}
