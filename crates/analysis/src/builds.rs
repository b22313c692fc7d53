//! Times to build an engine, as metrics of the cases that run it. Pure.

use pipeline::artifact::EngineRow;
use stats::interval::of_mean;
use stats::{Interval, Moments};

use crate::load::Case;
use crate::metric::{Build, Metric};
use crate::summarize::{Asked, CaseSummary, Draft, ROUNDS_FOR_SCOPE};

/// Times to build the engine of a case, from every build with the same key.
pub(crate) fn add(summary: &mut CaseSummary, case: &Case, engines: &[EngineRow], asked: &Asked) {
    let Some(setup) = case.setup() else { return };
    let Some(own) = engines.iter().find(|engine| {
        engine.engine_digest == setup.engine_digest && !engine.engine_digest.is_empty()
    }) else {
        return;
    };
    for build in Build::ALL {
        let times: Vec<i64> = engines
            .iter()
            .filter(|engine| engine.engine_key == own.engine_key && engine.error.is_none())
            .filter(|engine| Build::of_cache(&engine.cache) == build)
            .map(|engine| engine.build_ns)
            .collect();
        let Some(moments) = Moments::of(&times) else { continue };
        let builds = moments.n as f64;
        let enough = moments.n >= ROUNDS_FOR_SCOPE;
        let within = if enough {
            of_mean(moments.mean, moments.sd, builds, asked.confidence)
        } else {
            Interval::default()
        };
        let draft = Draft {
            estimate: moments.mean,
            within,
            n: moments.n,
            n_effective: Some(builds),
            estimator: "mean".to_owned(),
            missing: "an interval of a build time needs 3 builds".to_owned(),
        };
        summary.push(Metric::Build(build), draft, Vec::new(), asked);
    }
}
