//! `analysis quantiles DATASET --column C`: the command around [`crate::quantiles`].

use std::path::PathBuf;

use clap::Args;
use pipeline::fault::Exit;
use stats::Share;

use crate::quantiles::{Group, Number, Query, quantiles};
use crate::report::model::{Cell, Table};
use crate::report::terminal;

/// Arguments of `analysis quantiles`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Parquet file, or folder that is searched for them
    pub dataset: PathBuf,
    /// Column of numbers
    #[arg(long)]
    pub column: String,
    /// Column whose values make groups; may be given several times
    #[arg(long)]
    pub by: Vec<String>,
    /// Only rows with this value: phase=steady
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = filter)]
    pub filters: Vec<(String, String)>,
    /// Percentiles
    #[arg(long, value_delimiter = ',', default_value = "50,90,95,99,99.9", value_parser = share)]
    pub percentiles: Vec<Share>,
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
    let groups = quantiles(&query, &args.percentiles)?;
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
    for (share, value) in args.percentiles.iter().zip(&group.values) {
        let value = match value {
            Number::Int(value) => (*value).into(),
            Number::Real(value) => (*value).into(),
        };
        row.insert(share.to_string(), value);
    }
    row.into()
}

fn table(args: &Arguments, groups: &[Group]) -> Table {
    let mut titles: Vec<String> = args.by.clone();
    titles.extend(["n#", "nulls#"].map(str::to_owned));
    titles.extend(args.percentiles.iter().map(|share| format!("{share}#")));
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new("", &titles);
    for group in groups {
        let mut row: Vec<Cell> = group.key.iter().map(Cell::plain).collect();
        row.extend([group.n, group.nulls].map(|n| Cell::plain(n.to_string())));
        let missing = args.percentiles.len() - group.values.len();
        row.extend(group.values.iter().map(|value| Cell::plain(value.to_string())));
        row.extend(std::iter::repeat_n(Cell::none(), missing));
        table.rows.push(row);
    }
    table
}
