//! `analysis quantiles`: exact quantiles of one column of a Parquet file or of a folder of them, of any size.
//!
//! ```text
//! dataset   footers → row groups that have the columns
//! scan      row groups → runs of rows of one group, on all processors
//! select    runs → values of the ranks, pass by pass; the numbers are those of sorting
//! intervals runs in order → effective n → ranks of the bounds → their values
//! ```
//!
//! Memory does not grow with the rows: see `quantiles/select.rs`. Intervals take five bits a row for five percentiles.

mod dataset;
mod intervals;
mod number;
mod scan;
mod select;

use std::path::PathBuf;

use stats::{Confidence, Estimator, Share};

use dataset::{Dataset, Kind};
use scan::Scan;
use select::Found;

pub use intervals::Bounds;
pub use number::Number;

/// What to read.
#[derive(Clone, Debug)]
pub struct Query {
    /// A Parquet file, or a folder that is searched for them.
    pub dataset: PathBuf,
    /// The column.
    pub column: String,
    /// Columns whose values make groups; a folder `name=value` above a file is a column of it.
    pub by: Vec<String>,
    /// Only rows in which these columns have these values.
    pub filters: Vec<(String, String)>,
}

/// The quantiles of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Values of the `by` columns.
    pub key: Vec<String>,
    /// Values that were there.
    pub n: u64,
    /// Nulls that were not counted.
    pub nulls: u64,
    /// Sum ÷ n; of integers the sum is exact, of floats it is added up in the order of the rows.
    pub mean: Option<f64>,
    /// One value a share, in the order asked; none when the group has no value.
    pub values: Vec<Number>,
    /// One a share, when they were asked for.
    pub bounds: Vec<Bounds>,
}

/// Exact quantiles of every group, and their intervals when a confidence is given.
///
/// # Errors
/// Exit 2 when there is no such file or column, when it holds no numbers, when a file is damaged, or when there
/// are more groups than memory is meant for.
pub fn quantiles(
    query: &Query,
    shares: &[Share],
    confidence: Option<Confidence>,
) -> anyhow::Result<Vec<Group>> {
    let dataset = Dataset::find(query)?;
    let scan = Scan { dataset: &dataset, query, series: false };
    let ranks = |n: u64| -> Vec<u64> {
        let index = |&share| Estimator::InverseCdf.index(n as usize, share);
        shares.iter().filter_map(index).map(|index| index as u64).collect()
    };
    let mut groups = select::first_pass(&scan, shares)?;
    select::settle(&scan, &mut groups, &|_, found| ranks(found.n()))?;
    let bounds = match confidence {
        Some(confidence) => intervals::bounds(&scan, &mut groups, shares, confidence)?,
        None => select::Groups::new(),
    };
    let number = |key: i64| match dataset.kind {
        Kind::Int => Number::Int(key),
        Kind::Real => Number::Real(number::real_of(key)),
    };
    let group = |(key, found): (Vec<String>, Found)| Group {
        n: found.n(),
        nulls: found.nulls,
        mean: match dataset.kind {
            Kind::Int => found.distribution.total().mean(),
            Kind::Real => found.mean_of_reals(),
        },
        values: ranks(found.n())
            .into_iter()
            .filter_map(|rank| found.at(rank))
            .map(number)
            .collect(),
        bounds: bounds
            .get(&key)
            .map(|all| all.iter().map(|bounds| bounds.map(number)).collect())
            .unwrap_or_default(),
        key,
    };
    Ok(groups.into_iter().map(group).collect())
}
