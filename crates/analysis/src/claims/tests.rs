//! Claims as they are written, and what is wrong with those that are none.

use super::*;
use crate::metric::Metric;

fn claim(text: &str) -> Claim {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    text.parse::<Claim>().unwrap_err()
}

fn near(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-12
}

#[test]
fn factors_stand_on_either_side() {
    let warm = claim("base build/warm <  base build/cold * 0.5");
    assert_eq!(warm.to_string(), "base build/warm < base build/cold * 0.5");
    assert!(near(warm.factor, 0.5) && warm.op == Op::Less);
    let streams = claim("streams-4 throughput > 1.02*base throughput");
    assert_eq!(streams.to_string(), "streams-4 throughput > 1.02 * base throughput");
    assert!(near(streams.factor, 1.02) && streams.op == Op::Greater);
    let both = claim("2 * a throughput >= b throughput * 3");
    assert!(near(both.factor, 1.5));
    assert_eq!(both.left.to_string(), "a throughput");
}

#[test]
fn figures_have_units() {
    for (text, figure) in [
        ("base compute/p99 < 3ms", 3e6),
        ("base compute/p99 < 3 ms", 3e6),
        ("base compute/p99 < 2.5e3us", 2.5e6),
        ("base enqueue/p50 < 40µs", 4e4),
        ("base response/max < 1s", 1e9),
        ("base throughput > 400/s", 400.0),
        ("base throughput > 400 1/s", 400.0),
        ("base compute/cv < 2%", 0.02),
        ("base compute/cv < 0.02", 0.02),
    ] {
        assert!(matches!(claim(text).right, Right::Figure(found) if near(found, figure)), "{text}");
    }
    let turned = claim("3ms > 2 * base compute/p99");
    assert!(turned.op == Op::Less && near(turned.factor, 0.5));
    assert_eq!(turned.left.metric, "compute/p99".parse::<Metric>().unwrap());
    // a case may have a number for its name
    assert_eq!(claim("2 throughput > 1 throughput").left.case, "2");
}

#[test]
fn wrong_claims_say_what_is_wrong() {
    for (text, what) in [
        ("base throughput", "no comparison"),
        ("< base throughput", "nothing on the left side"),
        ("base throughput >", "nothing on the right side"),
        ("a throughput = b throughput", "unknown comparison `=`"),
        ("a throughput <> b throughput", "unknown comparison `<>`"),
        ("a compute/p99 < b throughput", "compute/p99 is in ns and throughput in 1/s"),
        ("a trouput < b throughput", "did you mean \"throughput\""),
        ("a throughput < b throughput * -1", "is not a number above 0"),
        ("a throughput < b throughput and", "the right side is `b throughput and`"),
        ("a throughput < b", "the right side is `b`"),
        ("base compute/p99 < 3", "has no unit, expected a time"),
        ("base compute/p99 < 3m", "has the unit `m`"),
        ("base throughput > 3ms", "expected a rate"),
        ("base compute/cv < 3ms", "expected a share"),
        ("base compute/p99 < 0ms", "is not above 0"),
        ("3ms < 4ms", "both sides are figures"),
        ("base compute/p99 < inf", "the right side is `inf`"),
    ] {
        assert!(error(text).contains(what), "{text}: {}", error(text));
    }
}

#[test]
fn a_table_adds_a_condition() {
    let read = |text: &str| toml_of(&format!("claims = [{text}]"));
    let claims =
        read("\"a throughput > 1/s\", { claim = \"b throughput > 1/s\", when = \"cuda\" }");
    let claims = claims.unwrap().claims;
    assert!(claims[0].condition.is_none());
    assert_eq!(claims[1].condition.as_ref().map(Condition::words).as_deref(), Some("cuda"));
    let both = read("{ claim = \"b throughput > 1/s\", when = [\"cpu\", \"sim\"] }").unwrap();
    assert_eq!(both.claims[0].condition.as_ref().unwrap().words(), "cpu or sim");
    for (text, what) in [
        ("{ claim = \"b throughput > 1/s\", when = \"gpu\" }", "unknown condition `gpu`"),
        ("{ claim = \"b throughput > 1/s\", when = [] }", "never asked"),
        ("{ claim = \"b throughput > 1/s\", if = \"cuda\" }", "unknown field `if`"),
        ("{ when = \"cuda\" }", "missing field `claim`"),
        ("{ claim = \"b throughput\" }", "no comparison"),
        ("1", "a claim such as"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(what) && error.contains("p.toml:2:"), "{text}: {error}");
    }
}

fn toml_of(table: &str) -> Result<crate::config::Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.toml");
    std::fs::write(&path, format!("[analysis]\n{table}\n")).unwrap();
    let file = pipeline::PipelineFile::load(&path, &[]).unwrap();
    file.section("analysis").map_err(|error| format!("{error:#}"))
}
