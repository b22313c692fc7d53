//! What is said of a build on stderr, and of all of them at the end.

use pipeline::artifact::EngineRow;

use crate::config::TimingCache;
use crate::make::Made;
use crate::precision::achieved;
use crate::store::Entry;
use crate::text;

/// One line for an engine, one for its timing cache where one is kept.
pub(crate) fn built(name: &str, mode: TimingCache, round: u32, made: &Made, shown: &str) {
    let Entry { recipe, precision_achieved, precision_share, .. } = &made.entry;
    let achieved = achieved(&recipe.precision, precision_achieved, *precision_share);
    let size = text::bytes(made.entry.bytes);
    let place = if shown.is_empty() { "not kept" } else { shown };
    let how = how(mode, round, made);
    let layers = match made.entry.layers.len() {
        0 => String::new(),
        n => format!(", {n} layers by the {}", made.entry.layers_from),
    };
    anstream::eprintln!("engine: {name} {achieved}: {how}, {size}{layers}, {place}");
    if let Some(meta) = &made.kept {
        let size = text::bytes(i64::try_from(meta.bytes).unwrap_or(i64::MAX));
        let builds = if meta.builds == 1 { "build" } else { "builds" };
        anstream::eprintln!(
            "timing cache: {size} from {} {builds}, key {}",
            meta.builds,
            &meta.key[..12]
        );
    }
}

/// How an engine was come by.
fn how(mode: TimingCache, round: u32, made: &Made) -> String {
    let built = text::duration(made.entry.build_ns);
    let counts = made.counts.map_or_else(String::new, |(hits, misses)| {
        format!(", {hits} timings from the cache and {misses} taken")
    });
    match (mode, made.cache) {
        (TimingCache::Cold, "engine-store") => {
            let took = text::duration(made.took_ns);
            format!("round {round} warm: served from the engine store in {took}")
        }
        (_, "engine-store") => {
            format!("served from the store (built in {built} on {})", made.entry.built)
        }
        (TimingCache::Cold, cache) => format!("round {round} {cache}: built in {built}{counts}"),
        _ => format!("built in {built}{counts}"),
    }
}

/// One line for the end of the stage.
pub(crate) fn summary(wanted: usize, mode: TimingCache, rows: &[EngineRow]) -> String {
    let times = |cache: &str| -> Vec<i64> {
        let fits = |row: &&EngineRow| row.error.is_none() && row.cache == cache;
        rows.iter().filter(fits).map(|row| row.build_ns).collect()
    };
    let mean = |times: &[i64]| {
        let n = i64::try_from(times.len()).unwrap_or(1).max(1);
        text::duration(times.iter().sum::<i64>() / n)
    };
    let engines = if wanted == 1 { "engine" } else { "engines" };
    let (cold, rebuilt, served) = (times("cold"), times("warm"), times("engine-store"));
    if mode != TimingCache::Cold {
        return format!("{wanted} {engines}, {} from the store", served.len());
    }
    let (warm, how) = if rebuilt.is_empty() {
        (served, "from the engine store")
    } else {
        (rebuilt, "with the timing cache")
    };
    format!(
        "{wanted} {engines}, cold {} × {} on average, warm {} × {} {how}",
        cold.len(),
        mean(&cold),
        warm.len(),
        mean(&warm),
    )
}
